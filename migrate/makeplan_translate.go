package migrate

import (
	"errors"

	"github.com/lakeward/lakeward/internal/dialect"
)

type shapeColumn struct{ Name, Target, Type, Affinity string }

func (p *planner) translate(e dialect.Expr, t *tablePlanner) (string, error) {
	return "", errors.New("its expression is not translated")
}

func translateDefault(e dialect.Expr, pgType string) (string, error) {
	return "", errors.New("its expression is not translated")
}

func (p *planner) translateView(v *dialect.CreateView) (string, []shapeColumn, error) {
	return "", nil, errors.New("its SELECT is not translated")
}

func reasonOf(err error) string { return err.Error() }

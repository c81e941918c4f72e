package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
)

// compareViews compares the rows that the views give in the file with those of the database. The file has its views as
// the application wrote them, so that one which gives other rows is named and no failure.
func (e *exporter) compareViews(ctx context.Context) error {
	var views []View
	for _, v := range e.record.Plan.Views {
		made := slices.ContainsFunc(e.file.objects("view"), func(o originalObject) bool { return o.Name == v.Name })
		left := slices.ContainsFunc(e.report.Left, func(l Left) bool { return l.Kind == "view" && l.Name == v.Name })
		if made && !left {
			views = append(views, v)
		}
	}
	reports := make([]ViewReport, len(views))
	err := eachItem(ctx, e.source, e.Jobs, indices(len(views)), func(ctx context.Context, conn *pgx.Conn, i int) error {
		return e.atMoment(ctx, conn, func() (err error) {
			reports[i], err = e.compareView(ctx, conn, views[i])
			return err
		})
	})
	e.report.Views = reports
	return err
}

func (e *exporter) compareView(ctx context.Context, conn *pgx.Conn, view View) (ViewReport, error) {
	report := ViewReport{Name: view.Name, Target: view.Target}
	var there bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", qualified(e.record.Schema, view.Target)).Scan(&there); err != nil {
		return report, fmt.Errorf("look for view %s: %w", view.Target, err)
	}
	if !there {
		report.Explained = "the database does not have it any more"
		return report, nil
	}
	file, err := e.file.open()
	if err != nil {
		return report, err
	}
	defer func() { _ = file.Close() }() // it was only read
	check := &viewCheck{
		source: "SELECT * FROM main." + sourceName(view.Name), target: "SELECT * FROM " + qualified(e.record.Schema, view.Target),
		src: file, dst: conn,
	}
	err = check.run(ctx, &report)
	report.Rows, report.Loaded, report.Source, report.Extra = report.Loaded, report.Rows, report.Extra, report.Source
	switch {
	case err != nil && (ctx.Err() != nil || !aboutView(err)):
		return report, err
	case err != nil:
		report.Error, report.Explained = err.Error(), "it could not be compared: "+err.Error()
	case !report.Identical:
		report.Explained = e.whyOther(file, view) + report.difference()
	}
	return report, nil
}

// whyOther words why a view gives other rows than on the database.
func (e *exporter) whyOther(file *sqlite.Conn, view View) string {
	uneven := ""
	look := func(a sqlite.Action) sqlite.AuthResult {
		if a.Type() == sqlite.OpRead && e.uneven[a.Table()] {
			uneven = a.Table()
		}
		return sqlite.AuthResultOK
	}
	if err := file.SetAuthorizer(sqlite.AuthorizeFunc(look)); err == nil {
		if stmt, _, err := file.PrepareTransient("SELECT * FROM main." + sourceName(view.Name)); err == nil {
			_ = stmt.Finalize() // it never ran
		}
	}
	if uneven != "" {
		return "it reads " + uneven + ", of which the file and the database do not have the same rows: "
	}
	return "the file has it as the application wrote it; the one of the database, which may have been changed since, gives other rows: "
}

// atMoment runs fn in a transaction of conn that sees the database as of the moment of the export.
func (e *exporter) atMoment(ctx context.Context, conn *pgx.Conn, fn func() error) error {
	return frozen(ctx, conn, func() error {
		if _, err := conn.Exec(ctx, "SET TRANSACTION SNAPSHOT "+literal(e.moment)); err != nil {
			return fmt.Errorf("go to the moment of the export: %w", err)
		}
		return fn()
	})
}

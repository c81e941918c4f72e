package main

import (
	"strings"
	"testing"

	"github.com/lakeward/lakeward/lakewardtest"
)

func TestTheMostUrgentTicketComesFirst(t *testing.T) {
	t.Parallel()
	pool, err := lakewardtest.Start(t).Instance(t, "helpdesk").Pool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	_, err = pool.Exec(t.Context(), `
		CREATE VIEW open_tickets (id, priority, organization, assignee, subject, opened_at) AS VALUES
			(7::bigint, 3::bigint, 'Oak Optics', 'Ada', 'Labels are blank', timestamptz '2025-03-01 10:00+00'),
			(9, 1, 'Tidal Press', NULL, 'The shop is down', '2025-03-02 10:00+00')`)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := show(t.Context(), pool, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) < 3 || !strings.HasPrefix(lines[0], "#9") || !strings.Contains(lines[0], "nobody") ||
		!strings.HasPrefix(lines[1], "#7") || !strings.HasPrefix(lines[2], "2 open tickets at ") {
		t.Errorf("printed:\n%s", out.String())
	}
}

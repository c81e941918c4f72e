package helpdesk

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
)

// deletedTickets are the keys of tickets that were deleted while nobody enforced foreign keys. Each left two messages.
func deletedTickets() []int { return []int{17, 29, 44, 58, 73, 96} }

// writeTickets writes the tickets in the order they came in, each with what belongs to it.
func (g *generator) writeTickets() {
	opened := epoch()
	pace := time.Duration(float64(2430*24*time.Hour) / float64(g.tickets)) // until the autumn of 2025
	for id := 1; id <= g.tickets && g.err == nil; id++ {
		opened = opened.Add(pace/2 + time.Duration(g.rng.Int64N(int64(pace)))).Truncate(time.Millisecond)
		if slices.Contains(deletedTickets(), id) {
			g.writeRemains(id, opened)
			continue
		}
		g.writeTicket(id, opened)
	}
	g.writeDeletedMessages()
}

func (g *generator) writeTicket(id int, opened time.Time) {
	requester, assignee := g.customer(), any(g.agent())
	if g.chance(12) {
		assignee = nil
	}
	status := g.status(id)
	updated := g.writeConversation(id, requester, assignee, opened)
	var closed, satisfaction any
	if status == "solved" || status == "closed" {
		closed = stamp(updated)
		satisfaction = g.sometimes(3, g.between(1, 5))
	}
	g.insert("tickets", id, g.hex(16), g.organizationOf(requester), requester, assignee, g.category(),
		g.mergedInto(id), g.subject(), status, g.priority(), g.chance(20), g.customFields(),
		g.sometimes(5, opened.AddDate(0, 0, g.between(1, 30)).Format(day)), satisfaction, stamp(opened), stamp(updated), closed)
	g.writeTags(id)
	g.writeEvents(id, requester, assignee, status, opened)
}

// status is what becomes of a ticket: the old ones are done.
func (g *generator) status(id int) string {
	if id < g.tickets*9/10 {
		return []string{"solved", "closed", "closed", "closed"}[g.rng.IntN(4)]
	}
	return []string{"open", "open", "pending", "solved", "closed"}[g.rng.IntN(5)]
}

func (g *generator) priority() int { return []int{1, 2, 2, 3, 3, 3, 3, 4}[g.rng.IntN(8)] }

func (g *generator) category() int {
	n := 0
	for _, c := range categories {
		n += 1 + len(c.parts)
	}
	return g.between(1, n)
}

// mergedInto is an earlier ticket that still exists, for a few.
func (g *generator) mergedInto(id int) any {
	if id < 200 || !g.chance(40) {
		return nil
	}
	return g.between(100, id-1) // all deleted ones are before
}

func (g *generator) customFields() any {
	if !g.chance(3) {
		return nil
	}
	return g.object(map[string]any{
		"sku":      sku(g.rng.IntN(len(products))),
		"serial":   strings.ToUpper(g.hex(5)),
		"os":       g.pick(systems),
		"steps":    g.rng.IntN(9),
		"affected": g.sometimes(2, g.between(1, 400)),
	})
}

// writeConversation writes the messages of a ticket and returns the time of the last.
func (g *generator) writeConversation(ticket, requester int, assignee any, opened time.Time) time.Time {
	at := opened
	for i := range g.between(1, 6) {
		author, internal := any(requester), false
		var minutes any
		if i%2 == 1 {
			author, internal, minutes = assignee, g.chance(4), g.sometimes(2, g.between(1, 90))
		}
		g.messages++
		if g.messages == MisfitKey {
			minutes = MisfitValue
		}
		g.insert("messages", g.messages, ticket, author, g.message(i), internal, minutes, at.Format(spaced))
		if g.messages != MisfitKey && g.chance(15) {
			g.writeAttachment()
		}
		at = g.later(at, 30)
	}
	return at
}

// writeRemains writes what a deleted ticket left behind.
func (g *generator) writeRemains(ticket int, opened time.Time) {
	deleted := deletedTickets()
	for i := range OrphanMessages / len(deleted) {
		g.messages++
		g.insert("messages", g.messages, ticket, g.customer(), g.message(i), false, nil, opened.Format(spaced))
	}
	if slices.Index(deleted, ticket) < OrphanTags {
		g.insert("ticket_tags", ticket, g.between(1, len(tags)))
	}
}

// writeDeletedMessages writes a wave of spam and deletes it again, which leaves the table's sequence ahead.
func (g *generator) writeDeletedMessages() {
	last := g.messages
	for range DeletedMessages {
		g.messages++
		g.insert("messages", g.messages, g.tickets, nil, "You have won!", false, nil, "2025-11-01 03:00:00")
	}
	if g.err != nil {
		return
	}
	stmt, err := g.conn.Prepare("DELETE FROM messages WHERE id > ?")
	if err == nil {
		stmt.BindInt64(1, last)
		_, err = stmt.Step()
	}
	if err != nil {
		g.err = fmt.Errorf("delete spam: %w", err)
		return
	}
	g.err = stmt.Reset()
}

func (g *generator) writeAttachment() {
	g.attachments++
	name, kind, content := fmt.Sprintf("screenshot-%d.png", g.attachments), "image/png", []byte(nil)
	switch g.rng.IntN(4) {
	case 0:
		name, kind = fmt.Sprintf("app-%d.log", g.attachments), "text/plain"
		content = []byte(g.paragraph(6))
	case 1:
		name, kind = "core.bin", "application/octet-stream"
		content = []byte(g.hex(g.between(0, 600))) // an empty file is a file
	default:
		content = g.picture(g.between(8, 24))
	}
	sum := sha256.Sum256(content)
	g.insert("attachments", g.attachments, g.messages, name, kind, content, sum[:])
}

func (g *generator) writeTags(ticket int) {
	var seen []int
	for range g.rng.IntN(4) {
		if tag := g.between(1, len(tags)); !slices.Contains(seen, tag) {
			seen = append(seen, tag)
			g.insert("ticket_tags", ticket, tag)
		}
	}
}

// writeEvents writes a ticket's history, and who was told of it.
func (g *generator) writeEvents(ticket, requester int, assignee any, status string, at time.Time) {
	seq := 0
	event := func(actor any, kind string, details any) {
		seq++
		g.insert("ticket_events", ticket, seq, actor, kind, details, at.Unix())
		if assignee != nil && g.chance(5) {
			g.notifications++
			g.insert("notifications", g.notifications, assignee, ticket, seq, !g.chance(3))
		}
		at = g.later(at, 20)
	}
	event(requester, "created", nil)
	if assignee != nil {
		event(assignee, "assigned", g.object(map[string]any{"to": assignee}))
	}
	if status != "open" {
		event(assignee, "status", g.object(map[string]any{"from": "open", "to": status}))
	}
}

package helpdesk

import (
	"fmt"
	"strings"
)

// writeCatalog writes what tickets are about: categories, products, contracts and tags.
func (g *generator) writeCatalog() {
	id := 0
	for i, c := range categories {
		id++
		parent := id
		g.insert("categories", parent, nil, c.name, i)
		for j, name := range c.parts {
			id++
			g.insert("categories", id, parent, name, j)
		}
	}
	for i, name := range products {
		g.insert("products", sku(i), name, float64(g.between(990, 99990))/100, g.sometimes(2, float64(g.between(1, 400))/16),
			g.sometimes(2, g.moment(2000).Format(day)), g.chance(6))
	}
	for i, name := range tags {
		g.insert("tags", i+1, name, "#"+g.hex(3))
	}
	g.writeContracts()
}

func sku(i int) string { return fmt.Sprintf("HD-%04d", 1000+37*i) }

// writeContracts gives every organization one running contract, and some an ended one before it.
func (g *generator) writeContracts() {
	id := 0
	for organization := 1; organization <= g.organizations; organization++ {
		product := g.rng.IntN(len(products))
		start := g.moment(900)
		if g.chance(3) {
			id++
			end := start.AddDate(1, 0, 0)
			g.insert("contracts", id, organization, sku(product), g.between(1, 20), g.fee(), start.Format(day), end.Format(day))
			start = end
		}
		id++
		g.insert("contracts", id, organization, sku(product), g.between(1, 250), g.fee(), start.Format(day), nil)
	}
}

// fee is an amount with cents, and a whole one now and then: SQLite stores that as an integer.
func (g *generator) fee() float64 {
	if g.chance(4) {
		return float64(g.between(10, 900))
	}
	return float64(g.between(995, 90000)) / 100
}

func (g *generator) writeArticles() {
	for i := range max(40, g.tickets/80) {
		title := fmt.Sprintf(g.pick(articleTitles), g.pick(products))
		slug := fmt.Sprintf("%s-%d", strings.ReplaceAll(strings.ToLower(title), " ", "-"), i+1)
		var body strings.Builder
		for range g.between(3, 9) {
			body.WriteString(g.paragraph(4) + "\n\n")
		}
		views := int64(g.between(0, 40000))
		if i == 0 {
			views = 3_000_000_000 // the page behind the logo
		}
		g.insert("articles", i+1, slug, title, body.String(), g.agent(), !g.chance(7), views,
			g.sometimes(2, float64(g.between(10, 50))/10+0.05), g.sometimes(2, stamp(g.moment(2400))))
	}
}

func (g *generator) writeSettings() {
	g.insert("settings", "branding", g.object(map[string]any{"title": "Help desk", "accent": "#0b7a75", "logo": nil}))
	g.insert("settings", "business_days", `[1, 2, 3, 4, 5]`)
	g.insert("settings", "default_sla_hours", `24`)
	g.insert("settings", "features", g.object(map[string]any{"surveys": true, "merge": true, "voice": false}))
	g.insert("settings", "greeting", `"Grüß Gott – how can we help?"`)
	g.insert("settings", "mail", g.object(map[string]any{"from": "help@helpdesk.example", "smtp": map[string]any{"port": 587, "tls": true}}))
	g.insert("settings", "retention", g.object(map[string]any{"closed_days": 1825, "spam_days": 30, "ratio": 0.25}))
	g.insert("settings", "schema_version", `42`)
}

package helpdesk

import (
	"fmt"
	"strings"
)

func (g *generator) writeOrganizations() {
	plans, locales := []string{"free", "team", "business"}, []string{"de", "en", "fr", "ja", "pl"}
	for id := 1; id <= g.organizations; id++ {
		name := g.pick(companyHeads) + " " + g.pick(companyTails)
		domain := strings.ToLower(strings.ReplaceAll(name, " ", "-")) + fmt.Sprintf("-%d.example", id)
		if g.chance(4) { // people type domains as they like
			domain = strings.ToUpper(domain[:1]) + domain[1:]
		}
		settings := g.object(map[string]any{
			"locale":         g.pick(locales),
			"sla_hours":      []int{4, 8, 24, 72}[g.rng.IntN(4)],
			"notify":         map[string]any{"email": !g.chance(5), "slack": g.sometimes(3, "#support")},
			"business_hours": []string{"08:00", "18:00"},
		})
		first := 1 + g.agents + (g.customers*(id-1)+g.organizations-1)/g.organizations
		g.insert("organizations", id, name, domain, g.pick(plans), settings, first, g.moment(200).Format(spaced))
	}
}

func (g *generator) writeUsers() {
	for id := 1; id <= g.agents+g.customers; id++ {
		first, last := g.pick(firstNames), g.pick(lastNames)
		host, role := "helpdesk.example", "agent"
		var organization, manager any
		switch {
		case id == 1:
			role = "admin"
		case id <= g.agents:
			manager = 1 + (id-2)/8 // everybody leads eight
		default:
			n := g.organizationOf(id)
			organization, role, host = n, "customer", fmt.Sprintf("org%d.example", n)
		}
		email := fmt.Sprintf("%s.%s%d@%s", asciiOnly(first), asciiOnly(last), id, host)
		if !g.chance(5) {
			email = strings.ToLower(email)
		}
		g.insert("users", id, organization, manager, email, first+" "+last, role, !g.chance(15),
			g.sometimes(2, g.phone()), g.pick(timezones), g.avatar(), g.lastSeen(), g.moment(2400).Format(spaced))
	}
}

func (g *generator) phone() string {
	return fmt.Sprintf("+49 %d %d", g.between(30, 89), g.between(100000, 9999999))
}

func (g *generator) avatar() any {
	if !g.chance(6) {
		return nil
	}
	return g.picture(8)
}

// lastSeen is a time with an offset: that column was added late.
func (g *generator) lastSeen() any { return g.sometimes(2, g.moment(2400).Format(micros)) }

func (g *generator) writeTeams() {
	for i, name := range teamNames {
		team := i + 1
		lead := g.between(1, g.agents)
		g.insert("teams", team, name, lead)
		for agent := 1; agent <= g.agents; agent++ {
			if agent == lead || agent%len(teamNames) == i || g.chance(9) {
				g.insert("team_members", team, agent, g.moment(1500).Format(day))
			}
		}
	}
}

// asciiOnly makes a name fit for an address.
func asciiOnly(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("áàäåã", r):
			return 'a'
		case strings.ContainsRune("éèêë", r):
			return 'e'
		case strings.ContainsRune("íî", r):
			return 'i'
		case strings.ContainsRune("óöøõ", r):
			return 'o'
		case strings.ContainsRune("úü", r):
			return 'u'
		case r == 'ł' || r == 'Ł':
			return 'l'
		case r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z':
			return r
		}
		return -1
	}, s)
}

package helpdesk

var firstNames = []string{
	"Ada", "Aisha", "Amélie", "Andrzej", "Björn", "Carlos", "Chloë", "Daniel", "Elif", "Emma", "Fatima", "Félix", "Grace",
	"Hana", "Hugo", "Ingrid", "Jan", "Jürgen", "Kofi", "Lars", "Leïla", "Łukasz", "Mads", "María", "Nadia", "Noah",
	"Olga", "Paul", "Priya", "Quentin", "Rosa", "Søren", "Sofia", "Tomás", "Uta", "Viktor", "Wei", "Yuki", "Zoë", "太郎",
}

var lastNames = []string{
	"Almeida", "Andersson", "Bauer", "Becker", "Brown", "Castillo", "Chen", "Dąbrowska", "Dubois", "Eriksen", "Fischer",
	"García", "Haddad", "Hoffmann", "Ito", "Jansen", "Kowalski", "Kumar", "Laurent", "Lindqvist", "Martin", "Müller",
	"Nguyen", "Novák", "O'Brien", "Okafor", "Petrov", "Rossi", "Sánchez", "Schmidt", "Smith", "Tanaka", "van den Berg",
	"Weber", "Yılmaz", "Zimmermann",
}

var timezones = []string{"Europe/Berlin", "Europe/Berlin", "Europe/Paris", "America/New_York", "Asia/Tokyo", "UTC"}

var companyHeads = []string{
	"Alpine", "Blue", "Bright", "Cedar", "Copper", "Delta", "Eastern", "Fern", "Golden", "Harbour", "Iron", "Juniper",
	"Lakeside", "Maple", "Meridian", "Northern", "Oak", "Polar", "River", "Silver", "Stone", "Summit", "Tidal", "Willow",
}

var companyTails = []string{
	"Analytics", "Bakery", "Books", "Clinic", "Couriers", "Dental", "Energy", "Foods", "Furniture", "Gardens", "Hotels",
	"Insurance", "Logistics", "Media", "Optics", "Press", "Robotics", "Schools", "Textiles", "Travel", "Workshop",
}

var teamNames = []string{"First line", "Second line", "Billing", "Field service", "Onboarding", "Night shift"}

var categories = []struct {
	name  string
	parts []string
}{
	{"Account", []string{"Sign-in", "Permissions", "Invitations"}},
	{"Billing", []string{"Invoices", "Refunds", "Contracts", "Taxes"}},
	{"Hardware", []string{"Printers", "Scanners", "Terminals", "Spare parts"}},
	{"Software", []string{"Crashes", "Updates", "Reports", "Integrations"}},
	{"Other", nil},
}

var products = []string{
	"Counter Pro", "Counter Lite", "Label Printer 200", "Label Printer 400", "Handheld Scanner", "Desk Scanner",
	"Payment Terminal", "Customer Display", "Kitchen Screen", "Stock Manager", "Shift Planner", "Web Shop", "Loyalty Cards",
	"Gift Vouchers", "Bookkeeping Export", "Report Builder", "Mobile App", "Cash Drawer",
}

var tags = []string{
	"bug", "how-to", "urgent", "waiting-for-customer", "waiting-for-supplier", "refund", "VIP", "hardware", "printer",
	"firmware", "login", "2fa", "invoice", "tax", "export", "import", "api", "mobile", "ios", "android", "windows", "network",
	"wifi", "performance", "translation", "feature-request", "duplicate", "training", "warranty", "returned", "on-site",
	"escalated", "legal", "privacy", "onboarding", "churn-risk", "Praise", "spam", "outage", "workaround",
}

var systems = []string{"Windows 10", "Windows 11", "macOS 14", "Android 13", "iOS 17", "Debian 12", "unknown"}

var subjects = []string{
	"%s does not start after the update", "%s: wrong totals in the daily report", "Cannot sign in to %s",
	"How do I connect %s to the network?", "%s prints blank labels", "Invoice for %s is missing the tax number",
	"%s loses its settings every night", "Please cancel our subscription of %s", "%s is very slow since Monday",
	"Spare part for %s", "Question about %s", "%s shows error 0x80070057", "Second licence for %s", "%s: umlauts look like Ã¤",
	"Export from %s stops at 65,536 rows", "Thank you for the help with %s", "%s rejects \"O'Brien\" as a name",
	"Time zone in %s is off by one hour", "%s cannot find the scanner", "Delivery of %s is late", "Where is the manual of %s?",
	"%s: 100%% CPU when idle", "Refund for %s", "%s freezes at check-out",
}

var greetings = []string{"Hello,", "Hi there,", "Dear support team,", "Good morning,", "Hallo zusammen,", "Bonjour,", "Hey!"}

var complaints = []string{
	"Since yesterday %s restarts by itself.", "It worked until the last update.", "We have tried another cable.",
	"The screen says \"please wait\" and nothing happens.", "Our accountant needs the numbers by Friday.",
	"%s is installed on three counters and only one shows this.", "I have attached a picture.", "Nothing was changed on our side.",
	"Rebooting helps for about ten minutes.", "The same happened last year in May.", "Could somebody call me back, please?",
	"Customers are waiting in line.", "Error code: E-4711 (see log).", "C:\\Program Files\\Counter\\bin\\app.exe has stopped.",
	"It costs us about €40 a day.", "We use %s with the network printer in the back office.", "Is there a newer version of %s?",
	"SELECT * FROM sales; returns nothing.", "Das Display bleibt schwarz.", "The manual says 50 % humidity is fine – is it?",
	"My colleague opened a ticket for this already; I could not find it.", "It is not urgent.", "THIS IS URGENT.",
}

var answers = []string{
	"Thank you for writing to us.", "Sorry for the trouble!", "I have reproduced this.", "Could you send us the log file?",
	"Please update to the newest version and try again.", "A replacement is on its way.", "I have passed this on to the developers.",
	"You will find the invoice attached.", "We have extended your licence by one month.", "Does this still happen?",
	"This is fixed in version 7.3.", "I have merged your tickets.",
}

var articleTitles = []string{
	"Getting started with %s", "Updating %s", "Connecting %s to your network", "%s error codes", "Cleaning and care of %s",
	"Moving %s to a new computer", "%s and your privacy",
}

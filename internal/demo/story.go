package demo

// company is an organization of the demo: who is in it, what they make, and how the
// year went. Days count from the beginning of the year.
type company struct {
	name, plan, description, website string
	people                           []employee
	roles                            []customRole
	projects                         []undertaking
	tokens                           []machine
	guests                           []guest
	// edits is how many projects are worked on in a working day.
	edits int
}

// employee is a member. The first one founds the organization. A role that is none of
// the built-in ones is a custom role.
type employee struct {
	first, last, email string
	role               string
	from, until        int // until 0: still there
	promoted           int // the day on which role became then, 0 for never
	then               string
}

type customRole struct {
	name, description string
	day               int
	// levels are what the role may in a project, by the project's name: the level
	// outside PRODUCTION and in it.
	levels map[string][2]string
}

type undertaking struct {
	name, description string
	from, until       int
}

type machine struct {
	name, description, role string
	owner                   string // the address of who makes it
	from, days              int    // days after which it is replaced; 0 for never
}

type guest struct {
	email, role string
	day         int
	declined    bool // taken back by who invited
}

// Addresses under .example belong to nobody.
const (
	northwindMail = "@northwind.example"
	harborMail    = "@harbor.example"
)

var companies = []company{northwind, harbor}

var northwind = company{
	name: "Northwind Robotics (demo)", plan: "ENTERPRISE_2025",
	description: "Demo data. Warehouse robots and the platform that drives them.", website: "https://northwind.example",
	people: []employee{
		{first: "Amara", last: "Okafor", email: "amara" + northwindMail, role: "OWNER"},
		{first: "Jonas", last: "Lindqvist", email: "jonas" + northwindMail, role: "ADMIN", from: 1},
		{first: "Mei", last: "Tanaka", email: "mei" + northwindMail, role: "DEVOPS", from: 2},
		{first: "Rafael", last: "Souza", email: "rafael" + northwindMail, role: "DEVELOPER", from: 3},
		{first: "Zoë", last: "Bergmann", email: "zoe" + northwindMail, role: "DEVELOPER", from: 12},
		{first: "Ibrahim", last: "Haddad", email: "ibrahim" + northwindMail, role: "VIEWER", from: 20, promoted: 96, then: "DEVELOPER"},
		{first: "Clara", last: "Fontaine", email: "clara" + northwindMail, role: "BILLING", from: 30},
		{first: "Tomasz", last: "Wójcik", email: "tomasz" + northwindMail, role: "DEVOPS", from: 41, until: 250},
		{first: "Priya", last: "Raman", email: "priya" + northwindMail, role: "Fleet team", from: 75},
		{first: "Noah", last: "Kim", email: "noah" + northwindMail, role: "Fleet team", from: 110},
		{first: "Lucía", last: "Ortega", email: "lucia" + northwindMail, role: "Contractors", from: 150, until: 330},
		{first: "Anders", last: "Holm", email: "anders" + northwindMail, role: "Auditors", from: 200},
		{first: "Fatima", last: "Zahra", email: "fatima" + northwindMail, role: "DEVELOPER", from: 231, promoted: 300, then: "DEVOPS"},
		{first: "Oliver", last: "Grant", email: "oliver" + harborMail, role: "VIEWER", from: 260},
	},
	roles: []customRole{
		{"Fleet team", "Everything of the fleet, and a look at telemetry.", 60, map[string][2]string{"fleet-control": {"MANAGER", "DEPLOYER"}, "telemetry": {"VIEWER", "VIEWER"}}},
		{"Contractors", "The storefront outside production.", 140, map[string][2]string{"storefront": {"MANAGER", "NO_ACCESS"}}},
		{"Auditors", "Reads every project.", 190, map[string][2]string{
			"fleet-control": {"VIEWER", "VIEWER"}, "telemetry": {"VIEWER", "VIEWER"}, "storefront": {"VIEWER", "VIEWER"}, "billing-bridge": {"VIEWER", "VIEWER"},
		}},
	},
	projects: []undertaking{
		{"fleet-control", "Routes, missions and charging of the robots.", 4, 0},
		{"telemetry", "Positions, batteries and faults, as they happen.", 6, 0},
		{"storefront", "Where customers order and watch their fleet.", 15, 0},
		{"legacy-portal", "The old portal, until its customers have moved.", 16, 180},
		{"billing-bridge", "Hands usage to the accountants.", 55, 0},
		{"simulator", "A warehouse that fits in a laptop.", 120, 0},
		{"vision-lab", "Experiments with cameras.", 210, 0},
	},
	tokens: []machine{
		{"ci", "Builds and deploys.", "DEVOPS", "mei" + northwindMail, 8, 90},
		{"terraform", "The platform as code.", "ADMIN", "jonas" + northwindMail, 14, 180},
		{"status-page", "Reads what is running.", "VIEWER", "jonas" + northwindMail, 70, 0},
		{"nightly-tests", "Runs in development.", "DEVELOPER", "tomasz" + northwindMail, 90, 0}, // sleeps since its maker left
	},
	guests: []guest{
		{"sofia" + northwindMail, "DEVELOPER", 100, true}, {"partner@integrator.example", "VIEWER", 340, false},
		{"henrik" + northwindMail, "DEVELOPER", 360, false}, {"yuki" + northwindMail, "Fleet team", 363, false},
	},
	edits: 8,
}

var harbor = company{
	name: "Harbor Finch (demo)", plan: "TEAM_2025",
	description: "Demo data. A small studio that builds shops for harbor towns.", website: "https://harbor.example",
	people: []employee{
		{first: "Oliver", last: "Grant", email: "oliver" + harborMail, role: "OWNER", from: 25},
		{first: "Nia", last: "Campbell", email: "nia" + harborMail, role: "ADMIN", from: 27},
		{first: "Sven", last: "Aalto", email: "sven" + harborMail, role: "DEVELOPER", from: 40},
		{first: "Amara", last: "Okafor", email: "amara" + northwindMail, role: "VIEWER", from: 120},
		{first: "Ruth", last: "Adeyemi", email: "ruth" + harborMail, role: "Client preview", from: 170},
	},
	roles: []customRole{{"Client preview", "Sees the shop that is being built.", 160, map[string][2]string{"fishmarket": {"VIEWER", "VIEWER"}}}},
	projects: []undertaking{
		{"fishmarket", "Fresh fish, ordered before the boats are back.", 30, 0}, {"lighthouse", "Our own site.", 33, 0},
		{"regatta", "Tickets for a weekend in June.", 130, 270},
	},
	tokens: []machine{{"deploy", "Deploys from the repository.", "DEVELOPER", "nia" + harborMail, 45, 120}},
	guests: []guest{{"maud" + harborMail, "DEVELOPER", 358, false}},
	edits:  3,
}

// work words what a day's work on a project was.
var work = []string{
	"Rolled out the new retry policy.", "Moved to smaller images.", "Tuned the memory limits.", "Documented the runbook.", "Split the worker from the API.",
	"Raised the timeouts for slow links.", "Prepared the next release.", "Cleaned up unused settings.", "Added a health check.", "Shortened the build.",
}

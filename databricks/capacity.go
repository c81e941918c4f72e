package databricks

// capacities maps the sizes of the Database instance API, whose unit has 16 GB of memory, to units of the Autoscaling
// API of 2 GB. An instance of such a size does not scale: its limits are equal.
var capacities = []struct {
	name  string
	units float64
}{
	{"CU_1", 8},
	{"CU_2", 16},
	{"CU_4", 32},
	{"CU_8", 64},
}

// unitsOf returns the autoscaling units of a capacity.
func unitsOf(capacity string) (units float64, ok bool) {
	for _, c := range capacities {
		if c.name == capacity {
			return c.units, true
		}
	}
	return 0, false
}

// capacityOf returns the capacity that fits two limits, and "" when none does.
func capacityOf(low, high float64) string {
	for _, c := range capacities {
		if c.units == low && c.units == high {
			return c.name
		}
	}
	return ""
}

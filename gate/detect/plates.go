package detect

import "strings"

// A plate of a vehicle is looked for behind a word that announces one; alone its form says too little.

// plateRule is the form of a country's plates in letters (A) and digits (9), groups parted by spaces.
type plateRule struct {
	typ   Type
	rule  string
	forms string // alternatives, parted by bars
	ok    func(groups []string) bool
}

var plateRules = []plateRule{
	{INVehicle, "in-vehicle-registration", "AA 99 A 9999|AA 99 AA 9999|AA 9 A 9999|AA 9 AA 9999|AA 99 AAA 9999|99 AA 9999 A|99 AA 9999 AA", indianPlate},
	{UKVehicle, "uk-vehicle-registration", "AA 99 AAA|A 999 AAA|A 99 AAA|A 9 AAA|AAA 999 A|AAA 99 A|AAA 9 A", britishPlate},
	{NGVehicle, "ng-vehicle-registration", "AAA 999 AA", func([]string) bool { return true }},
	{TRVehicle, "tr-license-plate", "99 A 9999|99 A 99999|99 AA 999|99 AA 9999|99 AAA 99|99 AAA 999", turkishPlate},
	{ZAVehicle, "za-license-plate", "AA 99 AA AA|AA 99 AA GP|AA 999 999|AAA 999 GP|AA 999 GP|AAA 999 AA|AA 99999", southAfricanPlate},
	{DEVehicle, "de-kfz", "A A 9|A A 99|A A 999|A A 9999|A AA 9|A AA 99|A AA 999|A AA 9999|AA A 9|AA A 99|AA A 999|AA A 9999|AA AA 9|AA AA 99|AA AA 999|AA AA 9999|AAA A 9|AAA A 99|AAA A 999|AAA AA 9|AAA AA 99|AAA AA 999", func([]string) bool { return true }},
}

// plate reads what stands behind a word such as "plate" or "Kennzeichen" at [s, e).
func (sc *scan) plate(_, e int) {
	v := sc.v
	from := sc.toPlate(e)
	if from < 0 {
		return
	}
	var groups []string
	end, german := from, false
	for i := from; i < len(v) && len(groups) < 5; {
		k, letter := i, lower[v[i]] != 0
		for k < len(v) && (isUpper(v[k]) || lower[v[k]] != 0 && isUpper(v[from]^0x20)) == letter && isAlnum(v[k]) {
			k++
		}
		if k == i || k-i > 5 {
			break
		}
		groups = append(groups, v[i:k])
		end = k
		if i = k; i+1 < len(v) && (v[i] == ' ' || v[i] == '-') && isAlnum(v[i+1]) && (!isLower(v[i+1]) || isLower(v[from])) {
			german = german || v[i] == '-'
			i++
		}
	}
	for n := len(groups); n >= 2; n-- {
		if n < len(groups) {
			end = from + strings.Index(v[from:end], groups[n]) // the last group is a word of the text
			for end > from && !isAlnum(v[end-1]) {
				end--
			}
		}
		if isAlnum(at(v, end)) {
			continue
		}
		form := formOf(groups[:n])
		for i := range plateRules {
			r := &plateRules[i]
			if strings.Contains("|"+r.forms+"|", "|"+form+"|") && r.ok(groups[:n]) {
				sc.add(from, end, r.typ, r.rule, 0.75)
				return
			}
		}
	}
}

// toPlate is where the plate may begin that a word ending at e announces, or −1.
func (sc *scan) toPlate(e int) int {
	v, i := sc.v, e
	for range 6 {
		for k := i + 3; i < k && (at(v, i) == ' ' || at(v, i) == ':' || at(v, i) == '.' || at(v, i) == '#' || at(v, i) == '"'); i++ {
			continue
		}
		k := i
		for k < len(v) && k-i < 14 && lower[v[k]] != 0 {
			k++
		}
		switch strings.ToLower(v[i:k]) {
		case "number", "no", "nr", "is", "mark", "ist", "lautet", "nummer", "of", "the", "car", "vehicle", "was", "numarasi", "numara", "on", "a", "plate":
			i = k
			continue
		}
		break
	}
	if i == e || !isAlnum(at(v, i)) {
		return -1
	}
	return i
}

// formOf is the form of a plate's groups: "AA 99 AAA".
func formOf(groups []string) string {
	var b strings.Builder
	for i, g := range groups {
		if i > 0 {
			b.WriteByte(' ')
		}
		for j := range len(g) {
			if isDigit(g[j]) {
				b.WriteByte('9')
			} else {
				b.WriteByte('A')
			}
		}
	}
	return b.String()
}

// indianPlate: Central Motor Vehicles Rules 1989, rule 50: the code of a state or territory, or BH for all of India.
func indianPlate(g []string) bool {
	if isDigit(g[0][0]) {
		return strings.EqualFold(g[1], "BH")
	}
	return strings.Contains(" AN AP AR AS BR CG CH DD DL DN GA GJ HP HR JH JK KA KL LA LD MH ML MN MP MZ NL OD OR PB PY RJ SK TN TR TS UK UP WB ", " "+strings.ToUpper(g[0])+" ")
}

// britishPlate: Driver and Vehicle Licensing Agency, INF104: no I or Q in the area, an age of 02 to 29 or 51 to 79.
func britishPlate(g []string) bool {
	area := strings.ToUpper(g[0])
	if len(g) == 3 && len(g[1]) == 2 && len(area) == 2 {
		age := num([]byte(g[1]))
		return !strings.ContainsAny(area, "IQZ") && (age >= 2 && age <= 29 || age >= 51 && age <= 79) && !strings.ContainsAny(strings.ToUpper(g[2]), "IQ")
	}
	return !strings.ContainsAny(area, "IQ")
}

// turkishPlate: Karayolları Trafik Yönetmeliği: provinces 01 to 81, and no Q, W or X.
func turkishPlate(g []string) bool {
	p := num([]byte(g[0]))
	return p >= 1 && p <= 81 && !strings.ContainsAny(strings.ToUpper(g[1]), "QWX")
}

// southAfricanPlate: National Road Traffic Regulations, regulation 27: a province at one end.
func southAfricanPlate(g []string) bool {
	last := strings.ToUpper(g[len(g)-1])
	switch last {
	case "GP", "EC", "FS", "KZN", "L", "MP", "NC", "NW", "WP", "ZN":
		return true
	}
	switch strings.ToUpper(g[0]) {
	case "CA", "CAA", "CY", "CJ", "CF", "ND", "NP":
		return len(g) > 1 && isDigit(g[1][0])
	}
	return false
}

// register finds a number of the German commercial register (§ 9 HGB, Handelsregisterverordnung) behind HRA or HRB.
func (sc *scan) register(s, e int) {
	v := sc.v
	if !isUpper(v[s]) || !isUpper(v[s+1]) {
		return
	}
	i := e
	for k := i + 3; i < k && (at(v, i) == ' ' || at(v, i) == '-' || at(v, i) == ':' || at(v, i) == '.'); i++ {
		continue
	}
	end := i
	for end < len(v) && end-i < 7 && isDigit(v[end]) {
		end++
	}
	if end-i < 1 || end-i > 6 {
		return
	}
	if k := end + 1; at(v, end) == ' ' && isUpper(at(v, k)) && !isAlnum(at(v, k+1)) && at(v, k+1) != '.' { // "HRB 12345 B"
		end = k + 1
	}
	if !isAlnum(at(v, end)) {
		sc.add(s, end, DERegister, "de-handelsregister", 0.8)
	}
}

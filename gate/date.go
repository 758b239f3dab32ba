package gate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// written is a date as somebody wrote it: its day, and how to write another
// one the same way.
type written struct {
	day    time.Time
	format func(time.Time) string
	// month writes the month and year alone.
	month func(time.Time) string
}

var (
	yearFirst = regexp.MustCompile(`^(\d{4})([-/.])(\d{1,2})([-/.])(\d{1,2})(.*)$`)
	yearLast  = regexp.MustCompile(`^(\d{1,2})([-/. ])(\d{1,2})([-/. ])(\d{4}|\d{2})(.*)$`)
	dayName   = regexp.MustCompile(`^(\d{1,2})(st|nd|rd|th|\.|º|er)?([ -](?:of |de |d’|d')?)(\pL+)(\.?,?[ -](?:de |del )?)(\d{4})(.*)$`)
	nameDay   = regexp.MustCompile(`^(\pL+)(\.? )(\d{1,2})(st|nd|rd|th)?(,? )(\d{4})(.*)$`)
	// timeBehind is what may follow a date: a time of day, which stays.
	timeBehind = regexp.MustCompile(`^$|^(?:T|,? (?:at )?)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[AaPp]\.?[Mm]\.?)?(?:Z| ?[+-]\d{2}:?\d{2}| UTC| GMT)?$`)
)

// months are the names of months by language, the full ones and the short.
var months = [][]string{
	strings.Fields("january february march april may june july august september october november december"),
	strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec"),
	strings.Fields("jan feb mar apr may jun jul aug sept oct nov dec"),
	strings.Fields("januar februar märz april mai juni juli august september oktober november dezember"),
	strings.Fields("jan feb mär apr mai jun jul aug sep okt nov dez"),
	strings.Fields("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
	strings.Fields("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
	strings.Fields("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"),
	strings.Fields("januari februari maart april mei juni juli augustus september oktober november december"),
	strings.Fields("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
	strings.Fields("januari februari mars april maj juni juli augusti september oktober november december"),
}

// readDate reads a date in figures or with the name of its month. Where day
// and month could be either, monthFirst decides.
func readDate(value string, monthFirst bool) (written, bool) {
	if m := yearFirst.FindStringSubmatch(value); m != nil && m[2] == m[4] && timeBehind.MatchString(m[6]) {
		return onDay(atoi(m[1]), atoi(m[3]), atoi(m[5]), func(d time.Time) string {
			return fmt.Sprintf("%04d%s%0*d%s%0*d%s", d.Year(), m[2], len(m[3]), int(d.Month()), m[4], len(m[5]), d.Day(), m[6])
		}, func(d time.Time) string { return fmt.Sprintf("%04d%s%02d", d.Year(), m[2], int(d.Month())) })
	}
	if m := yearLast.FindStringSubmatch(value); m != nil && m[2] == m[4] && timeBehind.MatchString(m[6]) {
		return figures(m, monthFirst)
	}
	if m := dayName.FindStringSubmatch(value); m != nil && timeBehind.MatchString(m[7]) {
		month, names := monthOf(m[4])
		return onDay(atoi(m[6]), month, atoi(m[1]), func(d time.Time) string {
			return fmt.Sprintf("%0*d%s%s%s%s%04d%s", len(m[1]), d.Day(), ordinal(m[2], d.Day()), m[3], likeCase(m[4], names[d.Month()-1]), m[5], d.Year(), m[7])
		}, func(d time.Time) string { return likeCase(m[4], names[d.Month()-1]) + " " + strconv.Itoa(d.Year()) })
	}
	if m := nameDay.FindStringSubmatch(value); m != nil && timeBehind.MatchString(m[7]) {
		month, names := monthOf(m[1])
		return onDay(atoi(m[6]), month, atoi(m[3]), func(d time.Time) string {
			return fmt.Sprintf("%s%s%0*d%s%s%04d%s", likeCase(m[1], names[d.Month()-1]), m[2], len(m[3]), d.Day(), ordinal(m[4], d.Day()), m[5], d.Year(), m[7])
		}, func(d time.Time) string { return likeCase(m[1], names[d.Month()-1]) + " " + strconv.Itoa(d.Year()) })
	}
	return written{}, false
}

// figures reads 12/03/1985, in the order that is possible or preferred.
func figures(m []string, monthFirst bool) (written, bool) {
	day, month := atoi(m[1]), atoi(m[3])
	swapped := monthFirst && day <= 12 || month > 12
	if swapped {
		day, month = month, day
	}
	year := atoi(m[5])
	if len(m[5]) == 2 {
		// Two digits are of this century up to a few years from now.
		if year += 2000; year > time.Now().Year()+10 {
			year -= 100
		}
	}
	return onDay(year, month, day, func(d time.Time) string {
		a, b := d.Day(), int(d.Month())
		if swapped {
			a, b = b, a
		}
		y := d.Year()
		if len(m[5]) == 2 {
			y %= 100
		}
		return fmt.Sprintf("%0*d%s%0*d%s%0*d%s", len(m[1]), a, m[2], len(m[3]), b, m[4], len(m[5]), y, m[6])
	}, func(d time.Time) string { return fmt.Sprintf("%02d%s%04d", int(d.Month()), m[2], d.Year()) })
}

func onDay(year, month, day int, format, short func(time.Time) string) (written, bool) {
	d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	ok := month >= 1 && month <= 12 && d.Day() == day && year >= 1000
	return written{d, format, short}, ok
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

func monthOf(name string) (int, []string) {
	name = strings.ToLower(name)
	for _, names := range months {
		if i := slices.Index(names, name); i >= 0 {
			return i + 1, names
		}
	}
	return 0, months[0]
}

// ordinal writes the ending of a day's number as the other one had it.
func ordinal(like string, day int) string {
	if !slices.Contains([]string{"st", "nd", "rd", "th"}, like) {
		return like
	}
	switch {
	case day%10 == 1 && day != 11:
		return "st"
	case day%10 == 2 && day != 12:
		return "nd"
	case day%10 == 3 && day != 13:
		return "rd"
	}
	return "th"
}

// shiftDate moves a date by days, written the way it was.
func shiftDate(value string, days int, monthFirst bool) (string, bool) {
	w, ok := readDate(value, monthFirst)
	if !ok {
		return "", false
	}
	d := w.day.AddDate(0, 0, days)
	if d.Year() < 1000 || d.Year() > 9999 {
		return "", false
	}
	return w.format(d), true
}

var (
	firstNumber = regexp.MustCompile(`\d{1,9}`)
	monthYear   = regexp.MustCompile(`^(\pL+) (\d{4})$|^(\d{4})$|^(\d{4})-(\d{2})$`)
	postcode    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 -]{2,9}$`)
)

// generalise leaves of a value what many people share.
func generalise(r Rule, e Entity, value string) (string, bool) {
	if w, ok := readDate(value, r.MonthFirst); ok {
		if r.To == "year" {
			return strconv.Itoa(w.day.Year()), true
		}
		return w.month(w.day), true
	}
	if m := monthYear.FindStringSubmatch(value); m != nil && e != "AGE" && e != "LOCATION" {
		if r.To == "year" {
			return m[2] + m[3] + m[4], true
		}
		return value, true
	}
	if e == "LOCATION" {
		return generalisePostcode(r, value)
	}
	at := firstNumber.FindStringIndex(value)
	// Of anything but a number in words of its own, such as "aged 47", little
	// would be hidden.
	if at == nil || firstNumber.MatchString(value[at[1]:]) || e == "DATE_TIME" || e == "DATE_OF_BIRTH" {
		return "", false
	}
	band := r.Band
	if band == 0 {
		band = 10
	}
	low := atoi(value[at[0]:at[1]]) / band * band
	return fmt.Sprintf("%s%d-%d%s", value[:at[0]], low, low+band-1, value[at[1]:]), true
}

// generalisePostcode leaves the first letters and digits of a postcode.
func generalisePostcode(r Rule, value string) (string, bool) {
	if !postcode.MatchString(value) || !firstNumber.MatchString(value) {
		return "", false
	}
	left := r.Prefix
	if left == 0 {
		left = 2
	}
	out := strings.Map(func(c rune) rune {
		if !wordChar(c) {
			return c
		}
		if left--; left >= 0 {
			return c
		}
		return '*'
	}, value)
	return out, strings.Contains(out, "*")
}

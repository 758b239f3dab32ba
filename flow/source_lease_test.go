package flow_test

import "testing"

// TestWhoeverStopsEndsItsLease: a restart need not wait until it has run out.
func TestWhoeverStopsEndsItsLease(t *testing.T) {
	eachStore(t, func(d *desk) {
		d.exec("INSERT INTO tickets VALUES (1, 'text', 'open')")
		d.attach(nil)
		stop := d.follow()
		d.same()
		if f := d.state(); f.Owner == "" {
			d.Errorf("nobody follows: %+v", f)
		}
		stop()
		if f := d.state(); f.Owner != "" || !f.Until.IsZero() || f.Token == "" {
			d.Errorf("after the end: %+v", f)
		}
		d.exec("UPDATE tickets SET body = 'more'")
		defer d.follow()()
		d.same()
	})
}

package gate

// FindListed runs a detector alone, so that its own speed can be measured.
func FindListed(d *Detector, text string) error {
	_, err := d.find(nil, text)
	return err
}

package conform

var propertyCases = map[string]func(*recordBox){}

var concurrencyCases = map[string]func(*recordBox){}

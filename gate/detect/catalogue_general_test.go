package detect_test

import "github.com/holdfast/holdfast/gate/detect"

// general are the types of value that no country issues.
var general = []catalogued{
	{detect.Email, []string{"write to «jane@example.com»"}, []string{"react@18.2.0"}, []string{"jane@example", "@example.com"}},
	{detect.Phone, []string{"call «+44 20 7946 0958»"}, []string{"order 2079460958"}, []string{"+44 20 79"}},
	{detect.CreditCard, []string{"card «4111 1111 1111 1111»"}, []string{"order 411111111111"}, []string{"card 4111 1111 1111 1112"}},
	{detect.IBAN, []string{"«DE89 3704 0044 0532 0130 00»"}, []string{"DE89 3704"}, []string{"DE89 3704 0044 0532 0130 01"}},
	{detect.IP, []string{"from «192.0.2.44»", "«2001:db8::1»"}, []string{"version 1.2.3.4"}, []string{"from 256.1.1.1"}},
	{detect.MAC, []string{"ether «00:00:5e:00:53:01»"}, []string{"10:20:30"}, []string{"00:00:5e:00:53"}},
	{detect.URL, []string{"see «https://example.com/a»"}, []string{"http is a protocol"}, []string{"see https://"}},
	{detect.Crypto, []string{"«1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2»", "«bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq»"}, []string{"1BvBMSEYst"}, []string{"1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"}},
	{detect.Secret, []string{"password: «hunter2»"}, []string{"the password is required"}, []string{"password=${PW}"}},
	{detect.DateTime, []string{"due «2024-05-06»", "paid on «3 May 2024»"}, []string{"chapter 12.3"}, []string{"due 2024-13-06", "due 2024-02-31"}},
	{detect.DateOfBirth, []string{"DOB: «12/03/1985»"}, []string{"due 12/03/1985"}, []string{"DOB: 32/13/1985"}},
	{detect.Location, []string{"«12 Baker Street, London NW1 6XE»"}, []string{"a 4 lane road"}, []string{"10 people on the street"}},
	{detect.NRP, []string{"Nationality: «German»", "She is «Nigerian».", "I'm a devout «Catholic»", "Maria is «Spanish»", "Konfession: «evangelisch»"}, []string{"the German version", "French toast", "It is Turkish"}, []string{"the keyboard is German", "He is Germane"}},
	{
		detect.Age,
		[]string{
			"she is «34» years old", "a «7»-year-old boy", "aged «51»", "Age: «63»", "«28» Jahre alt", "im Alter von «45»", "der «19»-jährige", "tiene «41» años", "âgée de «30» ans", "edad: «52»",
			"he turned «40» in May", "«8» jaar oud",
		},
		[]string{"page 34", "34 years of warranty", "the firm has 34 years behind it", "aged 34.5% more", "it turned 40 people away", "version: 34"},
		[]string{"aged 340", "0 years old", "stage: 34"},
	},
	{detect.IMEI, []string{"IMEI «490154203237518»"}, []string{"part 490154203237518"}, []string{"IMEI 490154203237519"}},
	{detect.VIN, []string{"VIN «1M8GDM9AXKP042788»", "Fahrgestellnummer «WVWZZZ1JZXW000001»"}, []string{"key WVWZZZ1JZXW"}, []string{"VIN 1M8GDM9AXKP0427I8"}},
}

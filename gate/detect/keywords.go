package detect

import "strings"

// keywords are the context words and triggers in English, German, Spanish, French and some Italian, Portuguese,
// Dutch and Nordic, without accents, as the fold leaves them.
//
//nolint:misspell // most of these languages are not English
var keywords = func() []keyword {
	var all []keyword
	list := func(k kinds, act action, words string) {
		for w := range strings.FieldsSeq(words) {
			all = append(all, keyword{w, k, act, 0})
		}
	}
	numbered := func(act action, groups ...string) {
		for i, g := range groups {
			for w := range strings.FieldsSeq(g) {
				arg := uint8(i + 1)
				if act == actStreet {
					arg = 1 << i // a word can stand before and behind the name
				}
				all = append(all, keyword{w, 0, act, arg})
			}
		}
	}
	list(ctxPhone, actNone, `phone telephone tel mobile cell cellphone call called calling dial fax sms whatsapp
		hotline callback extension voicemail landline ph mob phones mobiles phoned ring rang picks reach ringing cb text texts texted txt reachable reached
		handset answers desk telephoned
		telefon telefonnummer handy handynummer mobil mobilnummer rufnummer festnetz anrufen anruf ruf fon rueckruf ruckruf durchwahl
		erreichbar erreichen erreiche telefonisch
		telefono movil celular llamar llame llama llamame llamarme llamen contacto fijo localizan localizarme telefonos
		telephoner portable appeler appelez appelle joindre joignable rappeler fixe cellulare chiamare
		telefone telemovel ligue telefoon gsm mobiel tlf telefonnr puhelin puh telefonu komorka`)
	list(ctxCard, actNone, `card credit debit visa mastercard amex maestro discover cc ccn pan cvv cvc expiry exp kreditkarte karte
		kartennummer kreditkartennummer tarjeta carte cb bancaire carta cartao kaart creditcard diners jcb unionpay kort kortnummer`)
	list(ctxBank, actNone, `iban bank account acct kto blz bankleitzahl kontonr routing aba swift bic sort checking savings wire konto kontonummer bankverbindung
		bankkonto ueberweisung cuenta bancaria compte virement rib conto bonifico conta rekening rekeningnummer ach transfer bsb
		debit lastschrift deposit`)
	list(ctxSSN, actNone, `ssn ssns socialsecurity social`)
	list(ctxITIN, actNone, `itin taxpayer`)
	list(ctxTax, actNone, `tax tin irs fiscal steuer impuestos impot impots hmrc hacienda`)
	list(ctxVAT, actNone, `vat ust ustid ustidnr ustid umsatzsteuer mwst uid iva tva btw moms partita piva gst tvanummer vatin nif cif uva`)
	list(ctxPassport, actNone, `passport pass reisepass passnummer pasaporte passeport passaporto passaporte paspoort reisepassnummer passnr`)
	list(ctxDriver, actNone, `driver drivers driving license licence dl fuehrerschein fuhrerschein fahrerlaubnis conducir permis
		conduire patente rijbewijs dvla dmv korkort`)
	list(ctxBirth, actNone, `birth born dob birthday birthdate geburtsdatum geboren geb geburtstag nacimiento nacido nacida nacio naci naissance
		naissances nascita nato nata nascimento nascido nascida geboortedatum fodt fodd syntynyt urodzenia bday
		dateofbirth fechanacimiento geburt nac fnac dateofbirth naiss urodzony urodzona syntymaaika fodselsdato geboortedag`)
	list(ctxHealth, actNone, `patient patients mrn medical health insurance krankenkasse versichertennummer krankenversicherung hospital
		insured policyholder mutuelle sanitaria versicherung versichertennr member`)
	list(ctxID, actNone, `id identification identifier ausweis national citizen personal personnel idnumber nationalid rg govt government`)
	list(ctxID|ctxIDCard, actNone, `identity identidad identite identita identidade personalausweis ausweisnummer ausweisnr idcard`)
	list(ctxNINO, actNone, `nino ni insurance nin`)
	list(ctxNHS, actNone, `nhs patient`)
	list(ctxNIF, actNone, `nif nie dni nifs contribuinte contribuyente documento cif`)
	list(ctxFiscal, actNone, `codice fiscale cf`)
	list(ctxSteuer, actNone, `steuer steuerid steueridentifikationsnummer idnr steuernummer identifikationsnummer finanzamt tin
		steuernr steueridnr`)
	list(ctxNIR, actNone, `nir insee secu securite sociale vitale`)
	list(ctxBSN, actNone, `bsn burgerservicenummer sofinummer sofi`)
	list(ctxBE, actNone, `rijksregisternummer rijksregister registre nrn niss insz rrn nationaal`)
	list(ctxAHV, actNone, `ahv avs sozialversicherung ahvnummer svnr sozialversicherungsnummer oasi`)
	list(ctxNordic, actNone, `personnummer fodselsnummer hetu henkilotunnus samordningsnummer fnr personnr pnr
		personalnumber personbeteckning ssn`)
	list(ctxCPR, actNone, `cpr cprnummer cprnr`)
	list(ctxPESEL, actNone, `pesel`)
	list(ctxAadhaar, actNone, `aadhaar aadhar uidai adhar uid`)
	list(ctxPAN, actNone, `pan permanent`)
	list(ctxTFN, actNone, `tfn taxfile ato`)
	list(ctxMedicare, actNone, `medicare`)
	list(ctxABN, actNone, `abn acn business company`)
	list(ctxSIN, actNone, `sin nas insurance`)
	list(ctxCPF, actNone, `cpf`)
	list(ctxCNPJ, actNone, `cnpj`)
	list(ctxRUT, actNone, `rut cuit cuil`)
	list(ctxDEA, actNone, `dea prescriber license licence`)
	list(ctxCURP, actNone, `curp`)
	list(ctxZA, actNone, `rsa sa south`)
	list(ctxNRIC, actNone, `nric fin`)
	list(ctxKR, actNone, `rrn resident jumin`)
	list(ctxOther, actNone, `tckn kimlik tc oib cnp pps ppsn ppsno teudat zehut resident mynumber thai tnin`)
	list(ctxIP, actNone, `ip ips ipv host server address addr client remote login logged inet dns gateway subnet ping adresse from`)
	list(ctxMAC, actNone, `mac hwaddr ethernet ether bssid`)
	list(ctxWallet, actNone, `wallet bitcoin btc ethereum eth crypto litecoin ltc dogecoin doge tron`)
	list(ctxMail, actNone, `email mail mailto contact reach write correo courriel mailadresse emails`)
	list(ctxAddress, actNone, `address adresse anschrift wohnhaft wohnt direccion domicilio domicile demeurant indirizzo live lives living
		ship shipping deliver delivery reside resides residing located moved adres`)
	list(ctxPostcode, actNone, `zip zipcode postcode postal postleitzahl plz cap cp codigo`)
	list(ctxPassword, actPassword, `password passwords passwd passwort passworter passphrase pwd pw kennwort contrasena passcode senha
		wachtwoord passe mdp losenord passord adgangskode haslo kodeord kennworter zugangscode`)
	list(ctxGiven, actNone, `gave left wrote written shared tried try entered typed sticker login logins logon signin credentials
		gab hinterlassen vergeben notiert geschrieben zugangsdaten zugang donne laisse ecrit identifiants dio dejo escribio
		wifi wlan wireless ssid wpa wpa2 hotspot temporary temp`)
	list(ctxUse, actNone, `use used using set sent typing changed geandert verwende nutze benutze utilise uso`)
	list(ctxUS, actNone, `license dmv checking routing ach aba`)
	list(0, actWiFi, `key schlussel schluessel cle clave chiave sleutel wifi wlan`)
	list(0, actUser, `root admin administrator guest user login username gast benutzer usuario utilisateur invite sysadmin operator
		demo superuser supervisor`)
	list(0, actMode, `live test prod production sandbox secret sk pk rk pat token staging`)
	list(0, actCode, `code codes codigo codigos bestatigungscode sicherheitscode einmalcode wiederherstellungscode tan
		wiederherstellungscodes backupcodes`)
	list(ctxContact, actNone, `regards sincerely thanks cheers yours rgds thx saludos gracias atentamente cordialement grusse gruss gruessen
		saluti groeten pozdrawiam hilsen halsningar cordiali abraco sent`)
	list(ctxNumber, actNone, `number numbers numero nummer num ask try sits office direct switchboard reception record caller fragen`)
	list(ctxKey, actNone, `revoke revoked leaked webhook api rotated keys`)
	list(0, actPassword, `pass`)
	list(ctxKey, actNone, `token secret apikey credential credentials auth`)
	list(ctxKey, actBearer, `bearer basic`)
	list(ctxPIN, actNone, `pin pins pincode otp tan mtan passcode geheimzahl`)
	list(ctxCVV, actNone, `cvv cvc cvv2 cvc2 csc kartenpruefnummer prufziffer`)
	list(ctxOrder, actNone, `order orders invoice ticket ref reference tracking sku item part serial build commit revision issue case
		bestellung bestellnummer rechnung rechnungsnummer auftrag pedido factura commande facture ordine fattura transaction txn
		shipment parcel isbn issn doi ean upc model quantity qty rechnungsnr sendungsnummer timestamp epoch rfc
		pid port bytes size id order_id line lines sendung colis sn sha sha1 sha256 sha512 md5 digest checksum hash hashes etag
		fingerprint claim incident rma police seriennummer serie`)
	list(ctxVersion, actNone, `version versions ver release releases upgrade upgraded v firmware build chrome firefox safari mozilla
		applewebkit edg windows kernel linux nginx fw update updated section chapter kapitel abschnitt`)
	list(0, actPlate, `plate plates registration reg vrn vrm kennzeichen kfzkennzeichen autokennzeichen nummernschild plaka nummerplaat rego`)
	list(0, actRegister, `hra hrb`)
	list(0, actNRP, groupsOfPeople)
	for _, words := range digitLists {
		list(0, actDigit, words)
	}
	list(ctxWorded, actNone, firstWords())
	list(0, actAt, `at arroba arobase aet`)
	list(0, actWWW, `www`)
	// Months by number; May and Mars and such need a day beside them, so they are harmless.
	numbered(actMonth,
		`january jan januar janner janvier enero ene gennaio janeiro januari`,
		`february feb februar fevrier fev febrero febbraio fevereiro februari`,
		`march mar marz maerz mars marzo marco maart`,
		`april apr avril abril abr aprile avr`,
		`may mai mayo maggio maio mei`,
		`june jun juni juin junio giugno junho`,
		`july jul juli juillet julio luglio julho juil`,
		`august aug aout agosto ago augustus augusti`,
		`september sep sept septembre septiembre settembre setembro`,
		`october oct oktober okt octobre octubre ottobre outubro`,
		`november nov novembre noviembre novembro`,
		`december dec dezember dez decembre diciembre dicembre dezembro`)
	numbered(actStreet,
		// 1: behind the name, number before it all: 12 Baker Street
		`street st road rd avenue ave lane ln drive dr boulevard blvd court ct way place pl square sq terrace close
		crescent cres gardens gdns parkway pkwy highway hwy grove mews walk row hill circle cir trail trl loop alley quay wharf parade pde circuit cct crossing xing
		expressway turnpike plaza`,
		// 2: before the name, number behind it all: Calle Mayor 5
		`calle avenida avda av plaza paseo camino carrera ronda travesia carretera via viale piazza corso largo rua travessa alameda`,
		// 3: before the name, number before that: 12 rue de la Paix
		`rue boulevard chemin allee impasse quai cours faubourg bd bld av avenue place route`,
		// 4: a box at the post office
		`box postfach postbus`)
	return all
}()

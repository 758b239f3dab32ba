package detect_test

import (
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate/detect"
)

// catalogued shows, for one type of value, what is found, what is not, and what is nearly one. The values are made by
// the issuer's rule, or stand in its documentation; they belong to nobody we know.
type catalogued struct {
	typ   detect.Type
	found []string // texts with the value in «»
	not   []string // the value without what makes it one, or something else of the same form
	near  []string // a wrong check digit, an impossible date, one digit too many
}

// catalogue has every type that a Scanner reports.
var catalogue = append(numbers, general...)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	covered := map[detect.Type]bool{}
	for _, c := range catalogue {
		covered[c.typ] = true
		if len(c.found) == 0 || len(c.not) == 0 || len(c.near) == 0 {
			t.Errorf("%s lacks a kind of case", c.typ)
		}
		for _, marked := range c.found {
			before, rest, _ := strings.Cut(marked, "«")
			value, after, _ := strings.Cut(rest, "»")
			text := before + value + after
			if !reports(s, text, c.typ, value) {
				t.Errorf("%s: %q is not found in %q: %+v", c.typ, value, text, s.Scan(nil, text))
			}
		}
		for _, text := range append(c.not, c.near...) {
			if reports(s, text, c.typ, "") {
				t.Errorf("%s is found in %q: %+v", c.typ, text, s.Scan(nil, text))
			}
		}
	}
	for _, typ := range detect.Types() {
		if !covered[typ] {
			t.Errorf("%s has no cases", typ)
		}
	}
	for typ := range strings.FieldsSeq(presidio) {
		if !covered[detect.Type(typ)] {
			t.Errorf("Presidio has %s, the catalogue has not", typ)
		}
	}
}

// presidio are the entities of Microsoft Presidio's predefined recognizers that have a form; PERSON, LOCATION of a
// place and ORGANIZATION are found by package names.
const presidio = `CREDIT_CARD CRYPTO DATE_TIME EMAIL_ADDRESS IBAN_CODE IP_ADDRESS MAC_ADDRESS NRP LOCATION PHONE_NUMBER MEDICAL_LICENSE URL
	US_BANK_NUMBER US_DRIVER_LICENSE US_ITIN US_PASSPORT US_SSN US_NPI US_MBI US_CLIA ABA_ROUTING_NUMBER
	UK_NHS UK_NINO UK_DRIVING_LICENCE UK_PASSPORT UK_POSTCODE UK_VEHICLE_REGISTRATION ES_NIF ES_NIE ES_PASSPORT
	IT_FISCAL_CODE IT_DRIVER_LICENSE IT_VAT_CODE IT_PASSPORT IT_IDENTITY_CARD PL_PESEL SG_NRIC_FIN SG_UEN
	AU_ABN AU_ACN AU_TFN AU_MEDICARE IN_PAN IN_AADHAAR IN_VEHICLE_REGISTRATION IN_VOTER IN_PASSPORT IN_GSTIN FI_PERSONAL_IDENTITY_CODE
	KR_DRIVER_LICENSE KR_FRN KR_PASSPORT KR_BRN KR_RRN TH_TNIN TR_NATIONAL_ID TR_LICENSE_PLATE SE_PERSONNUMMER SE_ORGANISATIONSNUMMER
	NG_NIN NG_VEHICLE_REGISTRATION CA_SIN DE_TAX_ID DE_TAX_NUMBER DE_VAT_ID DE_PASSPORT DE_ID_CARD DE_SOCIAL_SECURITY
	DE_HEALTH_INSURANCE DE_KFZ DE_HANDELSREGISTER DE_PLZ DE_LANR DE_BSNR DE_FUEHRERSCHEIN PH_TIN PH_UMID PH_PHILHEALTH PH_PASSPORT
	ZA_ID_NUMBER ZA_COMPANY_REGISTRATION ZA_DRIVER_LICENSE ZA_INCOME_TAX_NUMBER ZA_LICENSE_PLATE ZA_PASSPORT ZA_TRAFFIC_REGISTER_NUMBER
	ZA_VAT_NUMBER IMEI VIN`

// reports tells whether s finds the type in text, as value if that is not empty.
func reports(s *detect.Scanner, text string, typ detect.Type, value string) bool {
	for _, f := range s.Scan(nil, text) {
		if f.Type == typ && (f.Score >= minScore || typ == detect.DateTime) && (value == "" || text[f.Start:f.End] == value) {
			return true
		}
	}
	return false
}

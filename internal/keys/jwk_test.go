package keys_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/titanous/rocacheck"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// b64 encodes b in unpadded base64url, as in JWKs.
func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// number returns the number in the member called name.
func (m members) number(name string) *big.Int {
	return new(big.Int).SetBytes(testkit.Must(base64.RawURLEncoding.DecodeString(m[name].(string))))
}

// jwkRow is a JWK and the expected code; "" if it loads.
type jwkRow struct {
	jwk  members
	code fault.Code
}

func checkRows(t *testing.T, rows map[string]jwkRow) {
	t.Helper()
	for name, c := range rows {
		t.Run(name, func(t *testing.T) {
			if c.code == "" {
				mustParse(t, c.jwk.text())
				return
			}
			wantRefused(t, c.jwk.text(), c.code)
		})
	}
}

// TestReadsSignBytes: a key set whose RSA numbers are those of Java's toByteArray has the
// same keys as one without the sign bytes.
func TestReadsSignBytes(t *testing.T) {
	for form, jwk := range map[string]members{"public": publicJWK(t, "RSA"), "private": jwkOf(t, "RSA")} {
		signed := jwk
		for _, name := range []string{"n", "e", "d", "p", "q", "dp", "dq", "qi"} {
			if jwk[name] != nil {
				number := jwk.number(name).Bytes()
				if number[0] >= 0x80 {
					number = append([]byte{0}, number...)
				}
				signed = signed.with(name, b64(number))
			}
		}
		want, got := mustParse(t, jwk.without("kid").text()), mustParse(t, signed.without("kid").text())
		if !got.SameMaterial(want) || got.ID() != want.ID() || got.CanSign() != want.CanSign() {
			t.Errorf("%s: got another key, %s, want %s", form, got.ID(), want.ID())
		}
		if text := string(testkit.Must(got.JWK())); text != string(testkit.Must(want.JWK())) {
			t.Errorf("%s: written with sign bytes: %s", form, text)
		}
	}
}

// TestS10_ChecksECNumbers: valid and invalid points, coordinates and private numbers of each curve.
func TestS10_ChecksECNumbers(t *testing.T) {
	for _, curve := range []string{"P-256", "P-384", "P-521"} {
		t.Run(curve, func(t *testing.T) {
			private, public := jwkOf(t, curve), publicJWK(t, curve)
			params := material()[curve].(*ecdsa.PrivateKey).Params()
			size := (params.BitSize + 7) / 8
			full := func(n *big.Int) string { return b64(n.FillBytes(make([]byte, size))) }
			zero, x := full(new(big.Int)), public.number("x")
			flipped := full(new(big.Int).Xor(x, big.NewInt(1)))
			minusY := full(new(big.Int).Sub(params.P, public.number("y")))
			checkRows(t, map[string]jwkRow{
				"private":            {private, ""},
				"public":             {public, ""},
				"unknown members":    {public.with("x5t", 1, "x5c", []string{"?"}, "ext", true, "foo", members{"d": 1}, "n", "?"), ""},
				"other y, public":    {public.with("y", minusY), ""}, // another valid key
				"off the curve":      {public.with("x", flipped), fault.KeyInvalid},
				"x and y swapped":    {public.with("x", public["y"], "y", public["x"]), fault.KeyInvalid},
				"(0,0)":              {public.with("x", zero, "y", zero), fault.KeyInvalid},
				"x = p":              {public.with("x", full(params.P)), fault.KeyInvalid},
				"y = p":              {public.with("y", full(params.P)), fault.KeyInvalid},
				"short x":            {public.with("x", b64(testkit.Must(base64.RawURLEncoding.DecodeString(public["x"].(string)))[1:])), fault.KeyInvalid},
				"long x":             {public.with("x", b64(append([]byte{0}, x.FillBytes(make([]byte, size))...))), fault.KeyInvalid},
				"empty x":            {public.with("x", ""), fault.KeyInvalid},
				"no x":               {public.without("x"), fault.KeyInvalid},
				"no y":               {public.without("y"), fault.KeyInvalid},
				"x is a number":      {public.with("x", 1), fault.KeyInvalid},
				"x is null":          {public.with("x", nil), fault.KeyInvalid},
				"x with padding":     {public.with("x", public["x"].(string)+"="), fault.KeyInvalid},
				"x with a line feed": {public.with("x", "\n"+public["x"].(string)), fault.KeyInvalid},
				"x with a space":     {public.with("x", public["x"].(string)+" "), fault.KeyInvalid},
				"x in base64":        {public.with("x", strings.Repeat("+/", size*2/3)), fault.KeyInvalid},
				"d of another key":   {private.with("d", full(new(big.Int).Xor(private.number("d"), big.NewInt(1)))), fault.KeyInvalid},
				"d for the other y":  {private.with("y", minusY), fault.KeyInvalid},
				"d = 0":              {private.with("d", zero), fault.KeyInvalid},
				"d = n":              {private.with("d", full(params.N)), fault.KeyInvalid},
				"d = d + n":          {private.with("d", b64(new(big.Int).Add(private.number("d"), params.N).FillBytes(make([]byte, size+1)))), fault.KeyInvalid},
				"short d":            {private.with("d", "AQAB"), fault.KeyInvalid},
				"empty d":            {private.with("d", ""), fault.KeyInvalid},
				"d is null":          {private.with("d", nil), ""}, // the public half
				"d is false":         {private.with("d", false), fault.KeyInvalid},
			})
		})
	}
	// P-521's members can encode more than p, and the last letter of P-256's has two
	// unused bits.
	p521, p := publicJWK(t, "P-521"), material()["P-521"].(*ecdsa.PrivateKey).Params().P
	wantRefused(t, p521.with("x", b64(new(big.Int).Add(p521.number("x"), p).FillBytes(make([]byte, 66)))).text(), fault.KeyInvalid)
	for _, name := range []string{"P-256", "OKP"} {
		jwk := publicJWK(t, name)
		x := []byte(jwk["x"].(string))
		x[len(x)-1]++ // the next letter after A, E, I … decodes to the same bytes
		wantRefused(t, jwk.with("x", string(x)).text(), fault.KeyInvalid)
	}
}

func TestS10_ChecksEd25519Numbers(t *testing.T) {
	private, public := jwkOf(t, "OKP"), publicJWK(t, "OKP")
	seed := material()["OKP2"].(ed25519.PrivateKey).Seed()
	checkRows(t, map[string]jwkRow{
		"private":          {private, ""},
		"public":           {public, ""},
		"31 bytes":         {public.with("x", b64(make([]byte, 31))), fault.KeyInvalid},
		"33 bytes":         {public.with("x", b64(make([]byte, 33))), fault.KeyInvalid},
		"no x":             {private.without("x"), fault.KeyInvalid},
		"d of 31 bytes":    {private.with("d", b64(seed[:31])), fault.KeyInvalid},
		"d of 64 bytes":    {private.with("d", b64(material()["OKP"].(ed25519.PrivateKey))), fault.KeyInvalid},
		"empty d":          {private.with("d", ""), fault.KeyInvalid},
		"d of another key": {private.with("d", b64(seed)), fault.KeyInvalid},
		"x of another key": {private.with("x", publicJWK(t, "OKP2")["x"]), fault.KeyInvalid},
	})
	for encoded, code := range map[string]fault.Code{
		"01" + strings.Repeat("00", 31):                                    fault.KeyWeak, // of order 1
		"01" + strings.Repeat("00", 30) + "80":                             fault.KeyWeak,
		"ec" + strings.Repeat("ff", 30) + "7f":                             fault.KeyWeak, // 2
		"ec" + strings.Repeat("ff", 31):                                    fault.KeyWeak,
		strings.Repeat("00", 32):                                           fault.KeyWeak, // 4
		strings.Repeat("00", 31) + "80":                                    fault.KeyWeak,
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05": fault.KeyWeak, // 8
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85": fault.KeyWeak,
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a": fault.KeyWeak,
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa": fault.KeyWeak,
		"ed" + strings.Repeat("ff", 30) + "7f":                             fault.KeyWeak, // y is the prime, read as 0
		"ee" + strings.Repeat("ff", 30) + "7f":                             fault.KeyWeak,
		strings.Repeat("ff", 32):                                           fault.KeyInvalid,
		"02" + strings.Repeat("00", 31):                                    fault.KeyInvalid, // no x
		"58" + strings.Repeat("66", 31):                                    "",               // the base point
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a": "",               // RFC 8032 section 7.1
	} {
		checkRows(t, map[string]jwkRow{encoded: {public.with("x", b64(testkit.Must(hex.DecodeString(encoded)))), code}})
	}
	mixed := append(ed25519.PrivateKey{}, material()["OKP"].(ed25519.PrivateKey)...)
	copy(mixed, seed)
	_, err := keys.New(mixed, keys.Attributes{})
	testkit.WantCode(t, err, fault.KeyInvalid)
}

// bits returns an odd n-bit number that is not a product of two primes, which checks of
// public keys cannot detect.
func bits(n uint) string {
	m := new(big.Int).Lsh(big.NewInt(1), n-1)
	return b64(m.Add(m, big.NewInt(12345)).Bytes())
}

func TestS10_ChecksRSANumbers(t *testing.T) {
	private, public := jwkOf(t, "RSA"), publicJWK(t, "RSA")
	e := func(n int64) members { return public.with("e", b64(big.NewInt(n).Bytes())) }
	plus := func(name string, n int64) members {
		return private.with(name, b64(new(big.Int).Add(private.number(name), big.NewInt(n)).Bytes()))
	}
	checkRows(t, map[string]jwkRow{
		"private":               {private, ""},
		"private, without CRT":  {private.without("dp", "dq", "qi"), fault.KeyInvalid},
		"public":                {public, ""},
		"n of 2048 bits":        {public.with("n", bits(2048)), ""},
		"n of 8192 bits":        {public.with("n", bits(8192)), ""},
		"n of 2047 bits":        {public.with("n", bits(2047)), fault.KeyWeak},
		"n of 2040 bits":        {public.with("n", bits(2040)), fault.KeyWeak},
		"n of 1 bit":            {public.with("n", "AQ"), fault.KeyWeak},
		"n of 8193 bits":        {public.with("n", bits(8193)), fault.KeyWeak},
		"n of 8200 bits":        {public.with("n", bits(8200)), fault.KeyWeak},
		"n of 65536 bits":       {public.with("n", bits(65536)), fault.KeyWeak},
		"even n":                {public.with("n", b64(new(big.Int).Lsh(big.NewInt(3), 2047).Bytes())), fault.KeyInvalid},
		"n with a sign byte":    {public.with("n", b64(append([]byte{0}, public.number("n").Bytes()...))), ""},
		"n with two zero bytes": {public.with("n", b64(append([]byte{0, 0}, public.number("n").Bytes()...))), fault.KeyInvalid},
		"needless zero byte":    {public.with("n", b64(append([]byte{0}, new(big.Int).SetBit(new(big.Int).Rsh(public.number("n"), 1), 0, 1).Bytes()...))), fault.KeyInvalid},
		"n = 0":                 {public.with("n", "AA"), fault.KeyInvalid},
		"empty n":               {public.with("n", ""), fault.KeyInvalid},
		"no n":                  {public.without("n"), fault.KeyInvalid},
		"no e":                  {public.without("e"), fault.KeyInvalid},
		"e = 3":                 {e(3), ""},
		"e = 65537":             {e(65537), ""},
		"e = 2^31-1":            {e(1<<31 - 1), ""},
		"e = 2^31+1":            {e(1<<31 + 1), fault.KeyWeak},
		"e = 2^32+1":            {e(1<<32 + 1), fault.KeyWeak},
		"e of 300 bytes":        {public.with("e", bits(2400)), fault.KeyWeak},
		"e = 0":                 {public.with("e", "AA"), fault.KeyInvalid},
		"e = 1":                 {e(1), fault.KeyWeak},
		"e = 2":                 {e(2), fault.KeyWeak},
		"even e":                {e(65536), fault.KeyWeak},
		"empty e":               {public.with("e", ""), fault.KeyInvalid},
		"e with a leading zero": {public.with("e", "AAEAAQ"), fault.KeyInvalid},
		"e is a number":         {public.with("e", 65537), fault.KeyInvalid},
		"ROCA modulus":          {public.with("n", b64(rocaModulus().Bytes())), fault.KeyWeak},
		"d of another key":      {plus("d", 2), fault.KeyInvalid},
		"p of another key":      {plus("p", 2), fault.KeyInvalid},
		"n of another key":      {plus("n", 2), fault.KeyInvalid},
		"wrong dp":              {plus("dp", 2), fault.KeyInvalid},
		"wrong dq":              {plus("dq", 2), fault.KeyInvalid},
		"wrong qi":              {plus("qi", 1), fault.KeyInvalid},
		"without qi":            {private.without("qi"), fault.KeyInvalid},
		"public with dp":        {public.with("dp", private["dp"]), fault.KeyInvalid},
		"without primes":        {private.without("p", "q", "dp", "dq", "qi"), ""},
		"d alone, of another":   {plus("d", 2).without("p", "q", "dp", "dq", "qi"), fault.KeyInvalid},
		"d alone, 1":            {private.without("p", "q", "dp", "dq", "qi").with("d", "AQ"), fault.KeyInvalid},
		"d alone, above n":      {private.without("p", "q", "dp", "dq", "qi").with("d", bits(2049)), fault.KeyInvalid},
		"d alone, n of another": {plus("n", 2).without("p", "q", "dp", "dq", "qi"), fault.KeyInvalid},
		"d and p alone":         {private.without("q", "dp", "dq", "qi"), fault.KeyInvalid},
		"without d":             {private.without("d"), fault.KeyInvalid},
		"more than two primes":  {private.with("oth", []members{{"r": "AQAB"}}), fault.KeyTypeUnsupported},
		"d of 2000 bytes":       {private.with("d", bits(16000)), fault.KeyInvalid},
		"d is not a string":     {private.with("d", 1), fault.KeyInvalid},
		"crv is ignored":        {public.with("crv", "P-256"), ""},
	})
}

// rocaModulus returns a 2048-bit modulus as the faulty library makes them (Nemec et al.
// 2017, section 2): each factor is k*M + (65537^a mod M), where M is the product of the
// first primes.
func rocaModulus() *big.Int {
	m := big.NewInt(1)
	for n := int64(2); m.BitLen() < 960; n++ {
		if big.NewInt(n).ProbablyPrime(20) {
			m.Mul(m, big.NewInt(n))
		}
	}
	factor := func(a int64) *big.Int {
		f := new(big.Int).Exp(big.NewInt(65537), big.NewInt(a), m)
		k := new(big.Int).Lsh(big.NewInt(1), 1023)
		k.Div(k, m).Add(k, big.NewInt(1)) // so that the factor has 1024 bits
		k.Mul(k, big.NewInt(3)).Div(k, big.NewInt(2))
		return f.Add(f, k.Mul(k, m))
	}
	return new(big.Int).Mul(factor(123456), factor(654321))
}

// TestS10_ROCAAgrees: the check agrees with the reference library on moduli of which many
// are near misses.
func TestS10_ROCAAgrees(t *testing.T) {
	if n := rocaModulus(); n.BitLen() != 2048 || !rocacheck.IsWeak(&rsa.PublicKey{N: n, E: 65537}) {
		t.Errorf("the modulus of %d bits is not reported as ROCA", n.BitLen())
	}
	public := publicJWK(t, "RSA")
	primes := []int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157}
	product := big.NewInt(1)
	for _, p := range primes {
		product.Mul(product, big.NewInt(p))
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rocaModulus()
		step := new(big.Int).Lsh(product, 1) // leaves all remainders, and n odd
		n.Add(n, step.Mul(step, big.NewInt(rapid.Int64Range(0, 1<<40).Draw(t, "steps"))))
		if prime := rapid.SampledFrom(append(primes, 0)).Draw(t, "prime"); prime != 0 {
			// Changes one remainder; the result may or may not be a power of 65537.
			miss := new(big.Int).Div(product, big.NewInt(prime))
			n.Add(n, miss.Mul(miss, big.NewInt(2*rapid.Int64Range(0, prime-1).Draw(t, "miss"))))
		}
		_, err := parse(public.with("n", b64(n.Bytes())).text())
		if weak := rocacheck.IsWeak(&rsa.PublicKey{N: n, E: 65537}); weak != (fault.CodeOf(err) == fault.KeyWeak) {
			t.Fatalf("got weak %v, want %v", weak, err)
		}
	})
}

package keys_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// encryptedWith reads text with passphrase.
func encryptedWith(text, passphrase string) (keys.Loaded, error) {
	return keys.Parse([]byte(text), keys.Attributes{Source: "k", Passphrase: func(string) ([]byte, error) { return []byte(passphrase), nil }})
}

// TestRFC7517AppendixC reads the encrypted JWK of RFC 7517 appendix C.
func TestRFC7517AppendixC(t *testing.T) {
	const passphrase = "Thus from my lips, by yours, my sin is purged."
	_, err := encryptedWith(appendixC, passphrase)
	testkit.WantCode(t, err, fault.KeyUseMismatch) // decrypted, but its use is enc
	_, err = encryptedWith(appendixC, "thus from my lips, by yours, my sin is purged.")
	testkit.WantCode(t, err, fault.KeyEncrypted)
	wantRefused(t, appendixC, fault.KeyEncrypted)
}

const appendixC = "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJwMnMiOiIyV0NUY0paMVJ2ZF9DSnVKcmlwUTF3IiwicDJjIjo0MDk2LCJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiY3R5IjoiandrK2pzb24ifQ.Trq" +
	"XOwuNUfDV9VPTNbyGvEJ9JMjefAVn-TR1uIxR9p6hsRQh9Tk7BA.Ye9j1qs22DmRSAddIh-VnA.AwhB8lxrlKjFn02LGWEqg27H4Tg9fyZAbFv3p5ZicHpj64QyHC44qqlZ3JEmnZTgQowIqZJ13jb" +
	"yHB8LgePiqUJ1hf6M2HPLgzw8L-mEeQ0jvDUTrE07NtOerBk8bwBQyZ6g0kQ3DEOIglfYxV8-FJvNBYwbqN1Bck6d_i7OtjSHV-8DIrp-3JcRIe05YKy3Oi34Z_GOiAc1EK21B11c_AE11PII_wvvt" +
	"RiUiG8YofQXakWd1_O98Kap-UgmyWPfreUJ3lJPnbD4Ve95owEfMGLOPflo2MnjaTDCwQokoJ_xplQ2vNPz8iguLcHBoKllyQFJL2mOWBwqhBo9Oj-O800as5mmLsvQMTflIrIEbbTMzHMBZ8EFW9f" +
	"WwwFu0DWQJGkMNhmBZQ-3lvqTc-M6-gWA6D8PDhONfP2Oib2HGizwG1iEaX8GRyUpfLuljCLIe1DkGOewhKuKkZh04DKNM5Nbugf2atmU9OP0Ldx5peCUtRG1gMVl7Qup5ZXHTjgPDr5b2N731UooC" +
	"GAUqHdgGhg0JVJ_ObCTdjsH4CF1SJsdUhrXvYx3HJh2Xd7CwJRzU_3Y1GxYU6-s3GFPbirfqqEipJDBTHpcoCmyrwYjYHFgnlqBZRotRrS95g8F95bRXqsaDY7UgQGwBQBwy665d0zpvTasvfXf_c0" +
	"MWAl-neFaKOW_Px6g4EUDjG1GWSXV9cLStLw_0ovdApDIFLHYHePyagyHjouQUuGiq7BsYwYrwaF06tgB8hV8omLNfMEmDPJaZUzMuHw6tBDwGkzD-tS_ub9hxrpJ4UsOWnt5rGUyoN2N_c1-TQlXx" +
	"m5oto14MxnoAyBQBpwIEgSH3Y4ZhwKBhHPjSo0cdwuNdYbGPpb-YUvF-2NZzODiQ1OvWQBRHSbPWYz_xbGkgD504LRtqRwCO7CC_CyyURi1sEssPVsMJRX_U4LFEOc82TiDdqjKOjRUfKK5rqLi8nB" +
	"E9soQ0DSaOoFQZiGrBrqxDsNYiAYAmxxkos-i3nX4qtByVx85sCE5U_0MqG7COxZWMOPEFrDaepUV-cOyrvoUIng8i8ljKBKxETY2BgPegKBYCxsAUcAkKamSCC9AiBxA0UOHyhTqtlvMksO7AEhNC" +
	"2-YzPyx1FkhMoS4LLe6E_pFsMlmjA6P1NSge9C5G5tETYXGAn6b1xZbHtmwrPScro9LWhVmAaA7_bxYObnFUxgWtK4vzzQBjZJ36UTk4OTB-JvKWgfVWCFsaw5WCHj6Oo4jpO7d2yN7WMfAj2hTEab" +
	"z9wumQ0TMhBduZ-QON3pYObSy7TSC1vVme0NJrwF_cJRehKTFmdlXGVldPxZCplr7ZQqRQhF8JP-l4mEQVnCaWGn9ONHlemczGOS-A-wwtnmwjIB1V_vgJRf4FdpV-4hUk4-QLpu3-1lWFxrtZKcgg" +
	"q3tWTduRo5_QebQbUUT_VSCgsFcOmyWKoj56lbxthN19hq1XGWbLGfrrR6MWh23vk01zn8FVwi7uFwEnRYSafsnWLa1Z5TpBj9GvAdl2H9NHwzpB5NqHpZNkQ3NMDj13Fn8fzO0JB83Etbm_tnFQfc" +
	"b13X3bJ15Cz-Ww1MGhvIpGGnMBT_ADp9xSIyAM9dQ1yeVXk-AIgWBUlN5uyWSGyCxp0cJwx7HxM38z0UIeBu-MytL-eqndM7LxytsVzCbjOTSVRmhYEMIzUAnS1gs7uMQAGRdgRIElTJESGMjb_4bZ" +
	"q9s6Ve1LKkSi0_QDsrABaLe55UY0zF4ZSfOV5PMyPtocwV_dcNPlxLgNAD1BFX_Z9kAdMZQW6fAmsfFle0zAoMe4l9pMESH0JB4sJGdCKtQXj1cXNydDYozF7l8H00BV_Er7zd6VtIw0MxwkFCTats" +
	"v_R-GsBCH218RgVPsfYhwVuT8R4HarpzsDBufC4r8_c8fc9Z278sQ081jFjOja6L2x0N_ImzFNXU6xwO-Ska-QeuvYZ3X_L31ZOX4Llp-7QSfgDoHnOxFv1Xws-D5mDHD3zxOup2b2TppdKTZb9eW2" +
	"vxUVviM8OI9atBfPKMGAOv9omA-6vv5IxUH0-lWMiHLQ_g8vnswp-Jav0c4t6URVUzujNOoNd_CBGGVnHiJTCHl88LQxsqLHHIu4Fz-U2SGnlxGTj0-ihit2ELGRv4vO8E1BosTmf0cx3qgG0Pq0eO" +
	"LBDIHsrdZ_CCAiTc0HVkMbyq1M6qEhM-q5P6y1QCIrwg.0HFmhOzsQ98nNWJjIHkR7A"

// encryptJWE returns text encrypted with passphrase, in the compact or JSON form.
func encryptJWE(t *testing.T, text string, passphrase string, alg jwa.KeyEncryptionAlgorithm, contentType string, more ...jwe.EncryptOption) string {
	t.Helper()
	headers := jwe.NewHeaders()
	if contentType != "" {
		if err := headers.Set(jwe.ContentTypeKey, contentType); err != nil {
			t.Fatal(err)
		}
	}
	return string(testkit.Must(jwe.Encrypt([]byte(text), append(more, jwe.WithKey(alg, []byte(passphrase)), jwe.WithProtectedHeaders(headers))...)))
}

// TestReadsEncryptedJWKs: encrypted JWKs are read in each form and with each algorithm of
// RFC 7518 section 4.8; anything else, or encryption without a passphrase, is refused
// (S9).
func TestReadsEncryptedJWKs(t *testing.T) {
	const passphrase = "correct horse"
	k := newKey(t, "P-256", keys.Attributes{ID: "mine"})
	jwk := string(testkit.Must(k.JWK()))
	set := `{"keys":[` + jwk + `]}`
	for _, alg := range []jwa.KeyEncryptionAlgorithm{jwa.PBES2_HS256_A128KW(), jwa.PBES2_HS384_A192KW(), jwa.PBES2_HS512_A256KW()} {
		for what, text := range map[string]string{
			"compact":               encryptJWE(t, jwk, passphrase, alg, "jwk+json"),
			"flattened":             encryptJWE(t, jwk, passphrase, alg, "jwk+json", jwe.WithJSON()),
			"no cty":                encryptJWE(t, jwk, passphrase, alg, ""),
			"full media type":       encryptJWE(t, jwk, passphrase, alg, "application/jwk+json"),
			"set":                   encryptJWE(t, set, passphrase, alg, "jwk-set+json"),
			"leading line":          "\n" + encryptJWE(t, jwk, passphrase, alg, "jwk+json") + "\n",
			"other content cipher":  encryptJWE(t, jwk, passphrase, alg, "jwk+json", jwe.WithContentEncryption(jwa.A128CBC_HS256())),
			"compressed":            encryptJWE(t, jwk, passphrase, alg, "jwk+json", jwe.WithCompress(jwa.Deflate())),
			"JSON with white space": encryptJWE(t, jwk, passphrase, alg, "jwk+json", jwe.WithJSON(jwe.WithPretty(true))),
		} {
			loaded, err := encryptedWith(text, passphrase)
			if err != nil || len(loaded.Keys) != 1 || loaded.Keys[0].ID() != "mine" || !loaded.Keys[0].CanSign() || !loaded.Keys[0].SameMaterial(k) {
				t.Errorf("%s, %s: got %v, %v", alg, what, loaded, err)
			}
			_, err = encryptedWith(text, passphrase+" ")
			testkit.WantCode(t, err, fault.KeyEncrypted)
			wantRefused(t, text, fault.KeyEncrypted) // no passphrase
		}
	}
	alg := jwa.PBES2_HS256_A128KW()
	critical := jwe.NewHeaders()
	testkit.Must(0, errors.Join(critical.Set(jwe.CriticalKey, []string{"x"}), critical.Set("x", 1)))
	good := encryptJWE(t, jwk, passphrase, alg, "jwk+json")
	secret := strings.Repeat("k", 32)
	for name, test := range map[string]struct {
		text string
		code fault.Code
	}{
		"set with cty of a key":  {encryptJWE(t, set, passphrase, alg, "jwk+json"), fault.KeyInvalid},
		"key with cty of a set":  {encryptJWE(t, jwk, passphrase, alg, "jwk-set+json"), fault.KeyInvalid},
		"contains a token":       {encryptJWE(t, jwk, passphrase, alg, "JWT"), fault.KeyFormatUnknown},
		"contains text":          {encryptJWE(t, "hello", passphrase, alg, ""), fault.KeyInvalid},
		"encrypted twice":        {encryptJWE(t, encryptJWE(t, jwk, passphrase, alg, "", jwe.WithJSON()), passphrase, alg, ""), fault.KeyInvalid},
		"contains a broken key":  {encryptJWE(t, `{"kty":"EC"}`, passphrase, alg, "jwk+json"), fault.KeyTypeUnsupported},
		"one byte changed":       {good[:len(good)-2] + flip(good[len(good)-2]) + good[len(good)-1:], fault.KeyEncrypted},
		"encrypted for a secret": {string(testkit.Must(jwe.Encrypt([]byte(jwk), jwe.WithKey(jwa.A256GCMKW(), []byte(secret))))), fault.KeyEncrypted},
		"directly":               {string(testkit.Must(jwe.Encrypt([]byte(jwk), jwe.WithKey(jwa.DIRECT(), []byte(secret)), jwe.WithContentEncryption(jwa.A256GCM())))), fault.KeyEncrypted},
		"too many iterations":    {encryptJWE(t, jwk, passphrase, alg, "jwk+json", jwe.WithPBES2Count(10_000_001)), fault.KeyEncrypted},
		"larger than a key file": {encryptJWE(t, strings.Repeat(" ", keys.MaxFileBytes)+jwk, passphrase, alg, "jwk+json", jwe.WithCompress(jwa.Deflate())), fault.KeyEncrypted},
		"critical header":        {string(testkit.Must(jwe.Encrypt([]byte(jwk), jwe.WithKey(alg, []byte(passphrase)), jwe.WithProtectedHeaders(critical)))), fault.KeyEncrypted},
		"not base64":             {strings.Replace(good, ".", ".*", 1), fault.KeyInvalid},
		"members missing":        {`{"ciphertext":"AA"}`, fault.KeyInvalid},
	} {
		loaded, err := encryptedWith(test.text, passphrase)
		if testkit.WantCode(t, err, test.code); t.Failed() || len(loaded.Keys) != 0 {
			t.Fatalf("%s: got %v, %v", name, loaded, err)
		}
	}
}

// flip returns a base64url letter other than c.
func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

"""Texts that contain private data, and texts that only look as if they do."""

CARDS = ["4111 1111 1111 1111", "4111111111111111", "5555-5555-5555-4444", "378282246310005", "3714 496353 98431"]
CARDS += ["5105105105105100", "6011000990139424", "6304000000000000"]
CARDS += ["6011111111111117", "3530111333300000", "30569309025904", "2223003122003222", "4012888888881881"]
CARDS += [
    "4242\u00a04242\u00a04242\u00a04242",
    "5555\u20135555\u20135555\u20134444",
    "".join(chr(0xFF10 + int(digit)) for digit in "4242" * 4),
]
IBANS = ["DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19"]
IBANS += ["FR14 2004 1010 0505 0001 3M02 606", "ES91 2100 0418 4502 0005 1332", "NL91ABNA0417164300"]
IBANS += [
    "CH93 0076 2011 6238 5295 7",
    "AT61 1904 3002 3457 3201",
    "PL61109010140000071219812874",
    "no93 8601 1117 947",
]
IBANS += ["KW81CBKU0000000000001234560101", "RS35260005601001611379", "EG380019000500000000263180002"]
IBANS += ["MD24AG000225100013104168", "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000"]
TOKENS = ["ghp_" + "a1B2" * 9, "github_pat_11ABCDEFG0" + "x" * 20, "glpat-" + "Ab3_" * 5, "AKIAIOSFODNN7EXAMPLE"]
TOKENS += [
    "AIza" + "Sy4_-" * 7,
    "xoxb-123456789012-abcdefABCDEF",
    "sk_live_" + "4eC39HqLyjWD" * 2,
    "sk-proj-" + "Ab12" * 8,
]
TOKENS += ["SG." + "a1_-" * 5 + "." + "b2-_" * 9, "npm_" + "Zz9" * 12]
TOKENS += ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN"]
TOKENS += ["hf_" + "aB3d" * 9, "shpat_" + "0f" * 16, "whsec_" + "Ab1" * 9, "glrt-" + "Ab3_" * 5, "dop_v1_" + "a9" * 32]
TOKENS += ["ATATT3" + "xFf0" * 9, "123456789:" + "AAH7-" * 7]
KEYS = ["-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----"]
KEYS += ["-----BEGIN RSA PRIVATE KEY-----\nMIIEpA\n-----END RSA PRIVATE KEY-----"]
KEYS += [
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz",
    "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----",
]
KEYS += ["-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOY\n-----END PGP PRIVATE KEY BLOCK-----"]
KEYS += ["---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nb3Blbn", "PuTTY-User-Key-File-3: ssh-rsa\nAAAAB3"]
EMAILS = ["bob@corp.com", "zoe.lang+x@mail.corp.co.uk", "o_neil@firma.de", "андрей@почта.рф", "a@b.io"]

PRIVATE = (
    [("card", f"My card {card} was charged twice.", card) for card in CARDS]
    + [("iban", f"Send it to {iban} please", iban) for iban in IBANS]
    + [("token", f"It fails with {token} here", token) for token in TOKENS]
    + [("token", "Authorization: Bearer abcdef0123456789abcdef", "abcdef0123456789abcdef")]
    + [("token", "api_key=Zm9vYmFyMTIzNDU2Nzg5MA", "Zm9vYmFyMTIzNDU2Nzg5MA")]
    + [
        (
            "token",
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
        ("token", "token: 8f7d6a5b4c3d2e1f0a9b8c7d", "8f7d6a5b4c3d2e1f0a9b8c7d"),
        ("token", "https://hooks.slack.com/services/T00/B00/XXXXXXXXXXXX", "T00/B00/XXXXXXXXXXXX"),
    ]
    + [("key", f"I use this:\n{key}", key) for key in KEYS]
    + [("email", f"Ask {email} about it.", email) for email in EMAILS]
    + [
        ("email", "連絡先はbob@corp.comです", "bob@corp.com"),
        ("card", "カード番号は4242424242424242です", "4242424242424242"),
        ("password", "postgres://app:s3cretpass@db.corp.com/app", "s3cretpass"),
        ("password", "My password was hunter2 until today", "hunter2"),
        ("password", "password is: hunter2", "hunter2"),
        ("password", "password:\nhunter2", "hunter2"),
        ("password", "passphrase = 'correct horse'", "correct horse"),
        ("password", "pw: Tr0ub4dor", "Tr0ub4dor"),
        ("password", "Das Passwort lautet geheim12.", "geheim12."),
        ("password", "la contraseña es perro99", "perro99"),
        ("password", "mon mot de passe est azerty12", "azerty12"),
        ("password", "la mia password è gatto99", "gatto99"),
        ("password", "パスワードはabc12345です", "abc12345"),
        ("password", "密码是abc12345", "abc12345"),
        ("password", "password: hunter2", "hunter2"),
        ("password", "My password is Tr0ub4dor&3", "Tr0ub4dor&3"),
        ("password", "Passwort: geheim123", "geheim123"),
        ("password", "mein Kennwort ist sommer2026", "sommer2026"),
        ("password", "mot de passe : azerty99", "azerty99"),
        ("password", "contraseña: secreto1", "secreto1"),
        ("password", "pwd=abc12345", "abc12345"),
        ("password", 'password = "correct-horse"', "correct-horse"),
        ("password", "パスワード\uff1ahimitsu1", "himitsu1"),
        ("password", "密码\uff1amima1234", "mima1234"),
        ("password", "비밀번호: bimil123", "bimil123"),
        ("password", "Пароль: tajna555", "tajna555"),
        ("password", "wachtwoord: geheim99", "geheim99"),
        ("password", "Hasło: tajne777", "tajne777"),
        ("password", "şifre: gizli123", "gizli123"),
        ("password", "senha: segredo1", "segredo1"),
    ]
)
"""The kind, the text, and what is found in it."""

HARMLESS = [
    "Order 4111 1111 1111 1112 never came.",  # the check digit is wrong
    "The number 1234567890123456 is our invoice.",
    "Ticket 0000000000000000",
    "9999999999999999 rows",
    "Version 10.15.7.4111111111111111",
    "2026-11-25 17:03:55.123456789",
    "Call +49 30 901820 or 030 12345678",
    "Tracking 1Z 999 AA1 01 2345 6784",
    "ISBN 978-3-16-148410-0",
    "EAN 4006381333931 on the box",
    "The timestamp 1732554235123 is odd",
    "IP 192.168.100.200, port 8080",
    "commit 4111111111111111abcdef",
    "pi is 3.141592653589793",
    "0.4111111111111111 of it",
    "It costs 4,111,111,111,111,111 yen",
    "id-4111111111111111-x",
    "DE89 3704 0044 0532 0130 01 is mistyped",
    "GB29 NWBK 6016 1331 9268 18",
    "XX12 3456 7890 1234 5678",
    "DE is my country and 89 my age",
    "Section AT61 of the norm",
    "part no. DE89370400440532013000X",
    "The UUID 123e4567-e89b-12d3-a456-426614174000",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "ghp_ is how a token begins",
    "sk-learn is a library",
    "sk-ip-to-the-end",
    "The AKIA prefix means AWS",
    "npm_config_cache is set",
    "xoxb tokens do not work",
    "eyJ is base64 of a brace",
    "a bearer of good news arrived this morning",
    "the secret to a good form is words",
    "api key missing",
    "access token expired yesterday",
    "secret = none",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBg\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----",
    "BEGIN PRIVATE KEY is the header",
    "I forgot my password.",
    "The password is required even when I am signed in.",
    "password: ****",
    "Password is wrong, it says.",
    "password: <your password>",
    "The password is incorrect",
    "Password reset does not work",
    "Passwort ist falsch",
    "passwords are stored in a manager",
    "password field",
    "my clave is nothing",
    "a parolado case",
    "write to support@corp.com",
    "info@firma.de did not answer",
    "no-reply@service.io sent it",
    "mara@northwind.example wrote that",  # the writer's own address
    "MARA@Northwind.example",
    "someone@example.com is a sample",
    "user@localhost",
    "@mara said so",
    "a@b",
    "git@ is the user",
    "meet @ noon.today",
    "size 3@2x.png",
    "12 @ 3.50",
    "react@18.2.0 fails",
    "npm i @scope/kit@1.2.3-beta.1",
    "release@v1.2.3",
    "font@2x.woff2",
    "git clone git@github.com:org/repo.git",
    "feedback@corp.com",
    "IMEI 356938035643809",  # telephones' numbers have a card's check digit
    "sk-estimator-grid-search-cv-results",
    "Password: must have 8 characters",
    "password: i forgot it",
    "password is case-sensitive",
    "Passwort: hab ich vergessen",
    "La clave: hacerlo simple",
    "la contraseña es obligatoria",
    "パスワードは8文字以上です",
    "passwd: command not found",
    "RS35 2600 0560 1001 6113 78 is mistyped",
]

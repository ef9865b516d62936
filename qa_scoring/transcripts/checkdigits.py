"""Check digits of cards, accounts and national identity numbers.

Every function takes the bare characters (no spaces, ASCII, upper case) and tells whether the
number could have been issued. A random number passes one time in ten to one in a hundred.
"""

from __future__ import annotations

from itertools import accumulate

_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

# Dihedral group D5 and its position permutation (Verhoeff 1969).
_D5 = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip

# Length of an IBAN by country (SWIFT IBAN registry, release 97).
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK", 21: "CH CR HR LI LV", 22: "BG BH DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST",
        26: "IS TR", 27: "BI DJ FR GR IT MC SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
# Values of 0 to 9 and A to J in odd places, then of K to Z.
_FISCAL_DECADE = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_FISCAL_REST = (2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_FISCAL_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (*_FISCAL_DECADE, *_FISCAL_DECADE, *_FISCAL_REST),
        strict=True,
    )
)


class LuhnSums:
    """Luhn's test (ISO/IEC 7812-1) for any stretch of one digit string, in constant time each."""

    def __init__(self, digits: str) -> None:
        plain = [int(digit) for digit in digits]
        doubled = [_LUHN_DOUBLED[digit] for digit in plain]
        self._by_parity = tuple(
            list(accumulate(self._alternate(plain, doubled, parity), initial=0))
            for parity in (0, 1)
        )

    @staticmethod
    def _alternate(plain: list[int], doubled: list[int], parity: int) -> list[int]:
        mixed = plain.copy()
        mixed[parity::2] = doubled[parity::2]
        return mixed

    def holds(self, start: int, end: int) -> bool:
        """Whether ``digits[start:end]`` passes; its last digit is the check digit."""
        sums = self._by_parity[end % 2]
        return (sums[end] - sums[start]) % 10 == 0


def luhn(digits: str) -> bool:
    """Payment cards, Canadian SIN."""
    return LuhnSums(digits).holds(0, len(digits))


def verhoeff(digits: str) -> bool:
    """Indian Aadhaar."""
    check = 0
    for position, digit in enumerate(reversed(digits)):
        check = int(_D5[check][int(_PERMUTED[position % 8][int(digit)])])
    return check == 0


def iban_length(country: str) -> int | None:
    """Characters of an IBAN of this country; None where there is no IBAN."""
    return _IBAN_LENGTHS.get(country)


def iban(characters: str) -> bool:
    """ISO 13616: country length, and 1 modulo 97 with letters read as 10 to 35."""
    if len(characters) != iban_length(characters[:2]):
        return False
    return int("".join(str(int(c, 36)) for c in characters[4:] + characters[:4])) % 97 == 1


def us_ssn(digits: str) -> bool:
    """Social Security Administration: no area 000 or 666, group 00, serial 0000; 9xx is an ITIN."""
    return digits[:3] not in ("000", "666") and digits[3:5] != "00" and digits[5:] != "0000"


def spanish_id(characters: str) -> bool:
    """DNI (8 digits) and NIE (X, Y or Z and 7 digits): the letter is the number modulo 23."""
    number = characters[:-1].translate(str.maketrans("XYZ", "012"))
    return _DNI_LETTERS[int(number) % 23] == characters[-1]


def french_nir(characters: str) -> bool:
    """INSEE number with key: 97 less the number modulo 97; Corsica's 2A is 19 and 2B is 18."""
    number = characters[:-2].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(characters[-2:])


def codice_fiscale(characters: str) -> bool:
    """Italian tax code, 16 characters: D.M. 23/12/1976, odd and even places valued apart."""
    odd = sum(_FISCAL_ODD[c] for c in characters[:15:2])
    even = sum(int(c) if c.isdigit() else ord(c) - ord("A") for c in characters[1:15:2])
    return chr(ord("A") + (odd + even) % 26) == characters[15]


def dutch_bsn(digits: str) -> bool:
    """The 11-test: weights 9 to 2, the last digit counts -1."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(w * int(d) for w, d in zip(weights, digits.zfill(9), strict=True))
    return int(digits) > 0 and total % 11 == 0


def german_tax_id(digits: str) -> bool:
    """Steuer-ID, 11 digits: ISO 7064 MOD 11,10."""
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return digits[0] != "0" and (11 - product) % 10 == int(digits[-1])

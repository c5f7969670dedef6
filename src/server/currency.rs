//! Currencies by ISO 4217, from a library.

use iso_currency::Currency;

use crate::model::currency::USUAL_DIGITS;

/// Digits after the decimal point of an amount in this currency. An unknown code gets two: a sale may have been stored
/// with it before codes were checked.
pub fn digits(code: &str) -> u32 {
    Currency::from_code(code).and_then(minor_unit_digits).unwrap_or(USUAL_DIGITS)
}

/// Whether prices can be in this currency: ISO 4217 lists it today and gives it a minor unit. Gold (`XAU`), the code
/// for tests (`XTS`) and the code for no currency have no minor unit.
pub fn can_be_a_price(code: &str) -> bool {
    Currency::from_code(code).is_some_and(|currency| minor_unit_digits(currency).is_some() && !is_withdrawn(currency))
}

fn minor_unit_digits(currency: Currency) -> Option<u32> {
    currency.exponent().map(u32::from)
}

/// Whether the standard lists another currency in place of this one. The library also calls the bolívar `VES`
/// superseded, but the standard still lists it beside `VED`.
fn is_withdrawn(currency: Currency) -> bool {
    currency.is_superseded().is_some() && currency != Currency::VES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_digits_in_the_standard_is_known() {
        for (code, expected) in
            [("USD", 2), ("JPY", 0), ("XOF", 0), ("UYI", 0), ("KWD", 3), ("TND", 3), ("CLF", 4), ("UYW", 4)]
        {
            assert_eq!(digits(code), expected, "{code}");
            assert!(can_be_a_price(code), "{code}");
        }
    }

    #[test]
    fn what_is_no_money_is_no_price_and_is_still_shown() {
        for code in [&*"X".repeat(3), "XTS", "XAU", "XDR", "ABC", "DEM", "HRK", "usd", "US", "USDX", "", "U\u{15a}D"] {
            assert!(!can_be_a_price(code), "{code}");
            assert_eq!(digits(code), 2, "{code}");
        }
        assert!(can_be_a_price("VES") && can_be_a_price("VED") && can_be_a_price("EUR"));
    }
}

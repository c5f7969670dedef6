//! Amounts as the provider counts them. It uses the minor unit of ISO 4217 for all currencies but three, where it keeps to
//! what it did before the standard changed or people stopped using the minor unit.

use crate::server::currency;

/// Currencies that the provider counts in hundredths, although ISO 4217 gives them no minor unit.
const COUNTED_IN_HUNDREDTHS: [&str; 2] = ["ISK", "UGX"];
/// A currency that the provider counts in whole units, although ISO 4217 gives it two digits.
const COUNTED_WHOLE: &str = "MGA";
const HUNDREDTHS: u64 = 100;

/// An amount in the minor unit of ISO 4217, as the provider counts it. `None` where the provider cannot express it: it
/// takes only whole ariary (MGA).
pub fn to_provider(minor_units: u64, currency: &str) -> Option<u64> {
    match currency {
        _ if COUNTED_IN_HUNDREDTHS.contains(&currency) => minor_units.checked_mul(HUNDREDTHS),
        COUNTED_WHOLE => minor_units.is_multiple_of(HUNDREDTHS).then_some(minor_units / HUNDREDTHS),
        _ => Some(minor_units),
    }
}

/// The provider's amount in the minor unit of ISO 4217. `None` where it has no whole number of them.
pub fn from_provider(amount: u64, currency: &str) -> Option<u64> {
    match currency {
        _ if COUNTED_IN_HUNDREDTHS.contains(&currency) => {
            amount.is_multiple_of(HUNDREDTHS).then_some(amount / HUNDREDTHS)
        }
        COUNTED_WHOLE => amount.checked_mul(HUNDREDTHS),
        _ => Some(amount),
    }
}

/// Decimal digits of the provider's amounts in this currency.
pub fn provider_digits(currency: &str) -> u32 {
    match currency {
        _ if COUNTED_IN_HUNDREDTHS.contains(&currency) => 2,
        COUNTED_WHOLE => 0,
        _ => currency::digits(currency),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_come_back_as_they_were() {
        for (currency, amount, counted) in [
            ("EUR", 1_050, 1_050),
            ("JPY", 5_000, 5_000),
            ("KWD", 10_500, 10_500),
            ("ISK", 5_000, 500_000),
            ("UGX", 7, 700),
            ("MGA", 20_000, 200),
        ] {
            assert_eq!(to_provider(amount, currency), Some(counted), "{currency}");
            assert_eq!(from_provider(counted, currency), Some(amount), "{currency}");
        }
    }

    #[test]
    fn what_cannot_be_expressed_is_nothing() {
        assert_eq!(to_provider(150, "MGA"), None);
        assert_eq!(from_provider(150, "ISK"), None);
        assert_eq!(to_provider(u64::MAX, "ISK"), None);
        assert_eq!(from_provider(u64::MAX, "MGA"), None);
    }
}

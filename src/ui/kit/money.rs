//! Writes amounts of money and other numbers for people.

/// The signs of currencies that have a well-known sign.
const SIGNS: [(&str, &str); 4] = [("USD", "$"), ("EUR", "€"), ("GBP", "£"), ("JPY", "¥")];

/// Writes `1050` with two digits and `USD` as `$10.50`, and with a currency that has no known sign as `CHF 10.50`. The
/// server says how many decimal digits a currency has.
pub fn money(minor_units: u64, currency: &str, digits: u32) -> String {
    let sign = SIGNS.iter().find(|(code, _)| *code == currency).map(|(_, sign)| (*sign).to_owned());
    let mut text = sign.unwrap_or_else(|| format!("{currency}\u{a0}"));
    let whole = 10_u64.saturating_pow(digits);
    text.push_str(&grouped(minor_units / whole));
    if digits > 0 {
        text.push('.');
        let fraction = (minor_units % whole).to_string();
        text.extend((fraction.len()..digits as usize).map(|_| '0'));
        text.push_str(&fraction);
    }
    text
}

/// A whole number with a comma between groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Rounds a number that is not negative to the nearest whole number. Fractions are formatted here and not by the
/// standard library, whose large tables would make the browser's half larger.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // amounts that fit a screen
pub const fn rounded(value: f64) -> u64 {
    value.round_ties_even() as u64
}

/// Rounds up to a whole number. For latencies, which should not look better than they are.
pub const fn rounded_up(value: f64) -> u64 {
    rounded(value.ceil())
}

/// Writes a number that is not negative with one decimal digit.
pub fn tenths(value: f64) -> String {
    let tenths = rounded(value * 10.0);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_rounded_to_the_nearest_even() {
        assert_eq!([0.0, 0.25, 9.94, 9.96, 320.0].map(tenths), ["0.0", "0.2", "9.9", "10.0", "320.0"]);
        assert_eq!([0.4, 0.5, 1.5, 99.9].map(rounded), [0, 0, 2, 100]);
    }

    #[test]
    fn amounts_carry_their_sign_and_as_many_digits_as_their_currency_has() {
        assert_eq!(money(1_050, "USD", 2), "$10.50");
        assert_eq!(money(123_456_789, "EUR", 2), "€1,234,567.89");
        assert_eq!(money(5_000, "JPY", 0), "¥5,000");
        assert_eq!(money(7, "CHF", 2), "CHF\u{a0}0.07");
        assert_eq!(money(10_500, "KWD", 3), "KWD\u{a0}10.500");
        assert_eq!(money(5_000, "XOF", 0), "XOF\u{a0}5,000");
        assert_eq!(money(12_345_678, "CLF", 4), "CLF\u{a0}1,234.5678");
        assert_eq!([money(0, "TND", 3), money(0, "XOF", 0)], ["TND\u{a0}0.000", "XOF\u{a0}0"]);
    }

    #[test]
    fn groups_of_three_are_parted() {
        assert_eq!(["0", "999", "1,000", "12,345,678"], [0, 999, 1_000, 12_345_678].map(grouped).as_slice());
    }
}

//! Amounts in minor units, for people.

/// The sign in front of the currencies that have a well-known one.
const SIGNS: [(&str, &str); 4] = [("USD", "$"), ("EUR", "€"), ("GBP", "£"), ("JPY", "¥")];
/// Currencies whose minor unit is the whole one (ISO 4217).
const WHOLE: [&str; 9] = ["BIF", "CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF"];

/// `1050` and `USD` as `$10.50`; without a known sign, `CHF 10.50`.
pub fn money(minor_units: u64, currency: &str) -> String {
    let sign = SIGNS.iter().find(|(code, _)| *code == currency).map(|(_, sign)| (*sign).to_owned());
    let sign = sign.unwrap_or_else(|| format!("{currency}\u{a0}"));
    if WHOLE.contains(&currency) {
        return format!("{sign}{}", grouped(minor_units));
    }
    format!("{sign}{}.{:02}", grouped(minor_units / 100), minor_units % 100)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_carry_their_sign_and_their_minor_units() {
        assert_eq!(money(1_050, "USD"), "$10.50");
        assert_eq!(money(123_456_789, "EUR"), "€1,234,567.89");
        assert_eq!(money(5_000, "JPY"), "¥5,000");
        assert_eq!(money(7, "CHF"), "CHF\u{a0}0.07");
    }

    #[test]
    fn groups_of_three_are_parted() {
        assert_eq!(["0", "999", "1,000", "12,345,678"], [0, 999, 1_000, 12_345_678].map(grouped).as_slice());
    }
}

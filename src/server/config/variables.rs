//! Reads the environment and the command line. Files and shells leave line ends, blanks and quotation marks around a
//! value. A token with such extras locks its organiser out, and nobody sees why.

use std::{cell::RefCell, collections::BTreeMap};

use super::error::ConfigError;

/// The variables of this process whose values are text.
///
/// # Errors
/// If one of our variables is not text: ignoring it would change its meaning.
pub fn read_environment() -> Result<BTreeMap<String, String>, ConfigError> {
    const OURS: [&str; 12] = [
        "DATABASE_URL",
        "ONSALE_ADDR",
        "ONSALE_ADMIN_TOKEN",
        "ONSALE_LOG",
        "ONSALE_PAYMENT_KEY",
        "ONSALE_PAYMENT_URL",
        "ONSALE_PAYMENT_WEBHOOK_SECRET",
        "ONSALE_PREVIOUS_SECRET",
        "ONSALE_PUBLIC_URL",
        "ONSALE_SECRET",
        "ONSALE_TRUSTED_PROXIES",
        "REDIS_URL",
    ];
    let mut variables = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => drop(variables.insert(name, value)),
            (Ok(name), Err(_)) if OURS.contains(&name.as_str()) => {
                return Err(ConfigError(format!("{name} is not text in UTF-8")));
            }
            _ => {}
        }
    }
    Ok(variables)
}

/// Reads variables and flags, and collects remarks for the operator.
pub struct Variables<Environment> {
    environment: Environment,
    remarks: RefCell<Vec<String>>,
}

impl<Environment: Fn(&str) -> Option<String>> Variables<Environment> {
    pub const fn new(environment: Environment) -> Self {
        Self { environment, remarks: RefCell::new(Vec::new()) }
    }

    /// A variable without the whitespace around it; an empty variable counts as not set.
    pub fn variable(&self, name: &str) -> Result<Option<String>, ConfigError> {
        self.cleaned(name, (self.environment)(name))
    }

    /// A flag, or else the variable with the same meaning.
    pub fn flag_or(&self, flag: &str, value: Option<String>, variable: &str) -> Result<Option<String>, ConfigError> {
        match self.cleaned(flag, value)? {
            Some(value) => Ok(Some(value)),
            None => self.variable(variable),
        }
    }

    /// A variable with a secret value. Quotation marks around it are kept, because they may be meant, and the operator
    /// is told of them: shells remove them, files of variables often do not.
    pub fn secret(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let value = self.variable(name)?;
        let is_quoted = |text: &String| {
            ['"', '\''].iter().any(|mark| text.len() > 1 && text.starts_with(*mark) && text.ends_with(*mark))
        };
        if value.as_ref().is_some_and(is_quoted) {
            self.remark(format!("{name} has quotation marks around it; they are part of it"));
        }
        Ok(value)
    }

    /// The collected remarks.
    pub fn remarks(self) -> Vec<String> {
        self.remarks.into_inner()
    }

    fn remark(&self, remark: String) {
        self.remarks.borrow_mut().push(remark);
    }

    fn cleaned(&self, name: &str, value: Option<String>) -> Result<Option<String>, ConfigError> {
        let Some(value) = value else { return Ok(None) };
        let trimmed = value.trim();
        if trimmed.is_empty() {
            self.remark(format!("{name} is empty and counts as not set"));
            return Ok(None);
        }
        // The value itself may be a secret, so it is not shown.
        if trimmed.chars().any(char::is_control) {
            return Err(ConfigError(format!("{name} has a line break or another control character inside")));
        }
        if trimmed.len() != value.len() {
            self.remark(format!("the whitespace around {name} was left out"));
        }
        Ok(Some(trimmed.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(value: &str) -> Variables<impl Fn(&str) -> Option<String>> {
        Variables::new(move |name: &str| (name == "TOKEN").then(|| value.to_owned()))
    }

    #[test]
    fn whitespace_around_a_value_is_left_out_and_that_is_told() {
        for (value, expected) in [
            ("token", (Some("token"), 0)),
            ("two words", (Some("two words"), 0)),
            ("token\n", (Some("token"), 1)),
            ("token\r\n", (Some("token"), 1)),
            ("\u{a0}token ", (Some("token"), 1)),
            ("\"token\"", (Some("\"token\""), 1)),
            ("", (None, 1)),
            (" \n", (None, 1)),
        ] {
            let variables = variables(value);
            let found = variables.secret("TOKEN").unwrap();
            let remarks = variables.remarks();
            assert_eq!((found.as_deref(), remarks.len()), expected, "{value:?}");
            assert!(remarks.iter().all(|remark| remark.contains("TOKEN") && !remark.contains("token")), "{remarks:?}");
        }
        assert_eq!(variables("x").variable("OTHER").unwrap(), None);
    }

    #[test]
    fn a_control_character_inside_a_value_stops_the_start_without_showing_it() {
        for value in ["first\nsecond", "first\tsecond", "first\0second", "first\u{1b}second"] {
            let error = variables(value).variable("TOKEN").unwrap_err();
            assert!(error.0.contains("TOKEN") && !error.0.contains("first"), "{error}");
        }
    }

    #[test]
    fn a_flag_wins_unless_it_is_empty() {
        let read =
            |flag: &str| variables("of the environment").flag_or("--token", Some(flag.to_owned()), "TOKEN").unwrap();
        assert_eq!(read("of the flag").as_deref(), Some("of the flag"));
        assert_eq!(read(" ").as_deref(), Some("of the environment"));
    }
}

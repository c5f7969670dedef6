//! Markup as a string. It is used for large, fixed markup: the seat map's first drawing, charts, the exported document.
//! Everything else is a `view!`.
//!
//! A value gets into markup in three ways: through `escape`; through `trusted`, which takes only texts of our own
//! source; or through [`html!`], which escapes every text. So code that puts in an unescaped name does not compile.

use std::fmt::{Arguments, Display, Formatter, Result, Write as _};

use leptos::web_sys::Element;

/// Markup that can be put into a document as it is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Html(String);

impl Html {
    /// Escapes a text for use in element content or in a quoted attribute.
    pub fn escape(text: &str) -> Self {
        let mut markup = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '&' => markup.push_str("&amp;"),
                '<' => markup.push_str("&lt;"),
                '>' => markup.push_str("&gt;"),
                '"' => markup.push_str("&quot;"),
                '\'' => markup.push_str("&#39;"),
                other => markup.push(other),
            }
        }
        Self(markup)
    }

    /// Markup from our own source.
    pub fn trusted(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// Markup that [`html!`] has filled in. Only that macro may call this.
    #[doc(hidden)]
    pub fn filled(markup: Arguments<'_>) -> Self {
        Self(markup.to_string())
    }

    /// The content of an element of the page. It is safe because the server escaped it when it rendered the page.
    pub fn of_page(element: &Element) -> Self {
        Self(element.inner_html())
    }

    /// The markup before and after `mark`. Both are empty if `mark` is not found.
    pub fn around(&self, mark: &str) -> (Self, Self) {
        let (before, behind) = self.0.split_once(mark).unwrap_or_default();
        (Self(before.to_owned()), Self(behind.to_owned()))
    }

    pub fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub fn push(&mut self, more: impl Inside) {
        write!(self.0, "{}", more.inside()).expect("a string takes all");
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl Display for Html {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(&self.0)
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Self>>(pieces: I) -> Self {
        let mut all = Self::default();
        pieces.into_iter().for_each(|piece| all.0.push_str(&piece.0));
        all
    }
}

/// Values that can be put into markup: markup itself, numbers, and texts, which are escaped.
pub trait Inside {
    fn inside(&self) -> impl Display;
}

impl Inside for Html {
    fn inside(&self) -> impl Display {
        self
    }
}

/// `None` is written as nothing.
impl<T: Inside> Inside for Option<T> {
    fn inside(&self) -> impl Display {
        self.as_ref().map(|some| some.inside().to_string()).unwrap_or_default()
    }
}

impl<T: Inside + ?Sized> Inside for &T {
    fn inside(&self) -> impl Display {
        (**self).inside()
    }
}

macro_rules! escaped {
    ($($text:ty),*) => { $(impl Inside for $text {
        fn inside(&self) -> impl Display {
            Html::escape(self)
        }
    })* };
}

macro_rules! plain {
    ($($number:ty),*) => { $(impl Inside for $number {
        fn inside(&self) -> impl Display {
            self
        }
    })* };
}

escaped!(str, String);
plain!(bool, u8, u32, u64, usize);

/// Markup with values in it: `html!("<p>{name}</p>", name = sale.name)`. Each value must be passed by name. Variables
/// are not captured as in `format!`, because they would not be escaped.
macro_rules! html {
    ($markup:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::ui::kit::html::Html::filled(
            format_args!(concat!($markup) $(, $name = $crate::ui::kit::html::Inside::inside(&$value))*)
        )
    };
}
pub(crate) use html;

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: &str = r#"<img src=x onerror="alert('R&B')">"#;
    const HARMLESS: &str = "&lt;img src=x onerror=&quot;alert(&#39;R&amp;B&#39;)&quot;&gt;";

    #[test]
    fn texts_are_escaped_by_every_door_and_markup_is_not_escaped_twice() {
        assert_eq!(Html::escape(EVIL).as_str(), HARMLESS);
        let item = html!("<b>{name}</b>", name = EVIL);
        let list = html!(
            "<p>{item}{perhaps}{nothing}{count}</p>",
            item = item,
            perhaps = Some(EVIL.to_owned()),
            nothing = None::<Html>,
            count = 3_u32
        );
        assert_eq!(list.as_str(), format!("<p><b>{HARMLESS}</b>{HARMLESS}3</p>"));
        let mut grown = Html::trusted("<p>");
        grown.push(EVIL);
        assert_eq!(grown.into_string(), format!("<p>{HARMLESS}"));
    }
}

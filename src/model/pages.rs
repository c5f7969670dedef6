//! The list of pages. The router, the meters and the navigation all read this list.

/// Who may read a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reader {
    /// Everybody sees the same.
    Everybody,
    /// Each buyer sees only what belongs to them.
    Buyer,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// The path, with the names of its variable parts in braces.
    pub path: &'static str,
    /// The page's name in its title and in the navigation. Empty for a page that is titled after what it shows.
    pub title: &'static str,
    pub reader: Reader,
}

pub const HOME: Page = Page { path: "/", title: "Sales", reader: Reader::Everybody };
pub const SALE: Page = Page { path: "/sales/{sale}", title: "", reader: Reader::Everybody };
pub const CHECKOUT: Page = Page { path: "/checkout/{hold}", title: "Checkout", reader: Reader::Buyer };
pub const SIMULATOR: Page = Page { path: "/simulator", title: "Simulator", reader: Reader::Everybody };
pub const TICKETS: Page = Page { path: "/tickets", title: "My tickets", reader: Reader::Buyer };

pub const PAGES: [Page; 5] = [HOME, SALE, CHECKOUT, SIMULATOR, TICKETS];

impl Page {
    /// Whether the navigation links to this page. It links to every page with a fixed address.
    pub fn is_in_navigation(&self) -> bool {
        !self.path.contains('{')
    }

    /// The path with `name` as its variable part.
    pub fn of(&self, name: &str) -> String {
        match self.path.split_once('{') {
            Some((folder, _)) => format!("{folder}{name}"),
            None => self.path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_addressed_by_the_name_of_what_it_shows() {
        assert_eq!((SALE.of("theatre"), TICKETS.of("")), ("/sales/theatre".to_owned(), "/tickets".to_owned()));
        assert!(!SALE.is_in_navigation() && HOME.is_in_navigation());
    }
}

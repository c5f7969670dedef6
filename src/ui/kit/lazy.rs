//! Islands whose code is a file of its own, fetched when they are seen. Such an island stands inside an element with
//! `data-lazy` and its name.

/// Defines an island. In the split client its code is a file of its own; in a client of one file it is an island like any
/// other.
macro_rules! lazy_island {
    // `island` looks for a parameter of this very name, and a name from outside of the macro would not be it.
    ($(#[$documentation:meta])* $visibility:vis fn $name:ident($content:ident: Children) -> impl IntoView $body:block) => {
        $(#[$documentation])*
        #[cfg_attr(feature = "split", leptos::prelude::island(lazy))]
        #[cfg_attr(not(feature = "split"), leptos::prelude::island)]
        $visibility fn $name(children: Children) -> impl IntoView {
            let $content = children;
            $body
        }
    };
    ($(#[$documentation:meta])* $visibility:vis fn $name:ident $($rest:tt)*) => {
        $(#[$documentation])*
        #[cfg_attr(feature = "split", leptos::prelude::island(lazy))]
        #[cfg_attr(not(feature = "split"), leptos::prelude::island)]
        $visibility fn $name $($rest)*
    };
}
pub(crate) use lazy_island;

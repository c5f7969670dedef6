//! The modules and paths in one file: which modules it declares, which paths it uses, and whether it does anything
//! else.

use super::tokens::{Token, begins_with, group_length, item_length, tokens, without_tests};

/// A path from the crate's root, such as `server`, `http`, `Failure`.
pub type Path = Vec<String>;

/// A file that is declared as `mod name;`.
#[derive(PartialEq, Eq, Debug)]
pub struct Child {
    pub name: String,
    /// The file that a `#[path = "…"]` names.
    pub file: Option<String>,
}

/// A name that a `use` brings into the file's scope.
#[derive(PartialEq, Eq, Debug)]
pub struct Import {
    /// `None` for `*`: everything that the path holds.
    pub name: Option<String>,
    pub path: Path,
}

/// The modules and paths in one file. Paths into other crates are left out.
#[derive(Default, Debug)]
pub struct Outline {
    pub children: Vec<Child>,
    pub imports: Vec<Import>,
    /// Paths that are written in full where they are used.
    pub inline: Vec<Path>,
    /// Whether the file has nothing but `mod name;` and `pub use`.
    pub only_declares: bool,
}

/// Reads a file, given the path of its module.
pub fn outline(module: &[String], source: &str) -> Outline {
    let tokens = without_tests(&tokens(source));
    let children = children(&tokens);
    let mut outline = Outline { only_declares: only_declares(&tokens), children, ..Outline::default() };
    let mut reader = Reader { module: module.to_vec(), children: &outline.children, inner: Vec::new() };
    let (mut imports, mut inline) = (Vec::new(), Vec::new());
    let (mut position, mut depth) = (0, 0);
    while position < tokens.len() {
        let rest = &tokens[position..];
        match &rest[0] {
            Token::Word(word) if word == "mod" && rest.get(2).is_some_and(|token| token.is_sign('{')) => {
                reader.inner.push((rest[1].word().unwrap_or_default().to_owned(), depth));
            }
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => {
                depth -= 1;
                reader.inner.pop_if(|(_, begun_at)| *begun_at == depth);
            }
            Token::Word(word) if word == "use" && !rest.get(1).is_some_and(|token| token.is_sign('<')) => {
                let length = item_length(rest);
                reader.read_use_tree(&rest[1..length], &[], &mut imports);
                position += length;
                continue;
            }
            Token::Word(_) if !continues_a_path(&tokens[..position]) && !is_visibility(&tokens[..position]) => {
                let path = leading_path(rest);
                if path.len() > 1 {
                    inline.extend(reader.absolute(&path));
                }
            }
            _ => {}
        }
        position += 1;
    }
    (outline.imports, outline.inline) = (imports, inline);
    outline
}

/// Makes paths absolute, as seen from one place in a file.
struct Reader<'a> {
    module: Path,
    children: &'a [Child],
    /// The `mod name { … }` blocks around this place, each with the depth of braces at which it begins.
    inner: Vec<(String, i32)>,
}

impl Reader<'_> {
    /// The path from the crate's root; `None` if it leads into another crate or to a local name.
    fn absolute(&self, path: &[String]) -> Option<Path> {
        let mut module: Path =
            self.module.iter().chain(self.inner.iter().map(|(name, _)| name)).map(String::clone).collect();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => (module, rest) = (Path::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {}
            name if self.inner.is_empty() && self.children.iter().any(|child| child.name == name) => {}
            _ => return None,
        }
        while let Some((_, behind)) = rest.split_first().filter(|(first, _)| *first == "super") {
            module.pop();
            rest = behind;
        }
        module.extend_from_slice(rest);
        Some(module)
    }

    /// Reads the imports of one `use` tree, or of several with commas between them.
    fn read_use_tree(&self, mut tree: &[Token], prefix: &[String], imports: &mut Vec<Import>) {
        while let Some(token) = tree.first() {
            if token.is_sign(',') || token.is_sign(';') {
                tree = &tree[1..];
                continue;
            }
            let mut path = prefix.to_vec();
            let own = leading_path(tree);
            path.extend(own.iter().cloned());
            let joints = own.len().saturating_sub(1) * 2;
            tree = &tree[own.len() + joints..];
            let mut name = path.last().cloned();
            if begins_with(tree, &[":", ":"]) {
                tree = &tree[2..];
            }
            match tree.first() {
                Some(Token::Sign('{')) => {
                    let length = group_length(tree);
                    self.read_use_tree(&tree[1..length - 1], &path, imports);
                    tree = &tree[length..];
                    continue;
                }
                Some(Token::Sign('*')) => (name, tree) = (None, &tree[1..]),
                Some(token) if token.is_word("as") => {
                    (name, tree) = (tree[1].word().map(str::to_owned), &tree[2..]);
                }
                _ if own.is_empty() => tree = &tree[1..], // an unexpected sign: skip it, so that the loop always ends
                _ => {}
            }
            if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                path.pop();
                name = name.filter(|name| name != "self").or_else(|| path.last().cloned());
            }
            imports.extend(self.absolute(&path).map(|path| Import { name, path }));
        }
    }
}

/// The path at the beginning of the tokens: words with `::` between them.
fn leading_path(tokens: &[Token]) -> Path {
    let mut path = Path::new();
    let mut position = 0;
    while let Some(word) = tokens.get(position).and_then(Token::word) {
        path.push(word.to_owned());
        if !begins_with(&tokens[position + 1..], &[":", ":"]) {
            break;
        }
        position += 3;
    }
    path
}

/// Whether the next token continues a path or belongs to a value: a `::` or a `.` is in front of it.
fn continues_a_path(before: &[Token]) -> bool {
    before.ends_with(&[Token::Sign(':'), Token::Sign(':')]) || before.ends_with(&[Token::Sign('.')])
}

/// Whether the next path only says who may see an item: `pub(in crate::…)`.
fn is_visibility(before: &[Token]) -> bool {
    before.len() >= 3 && begins_with(&before[before.len() - 3..], &["pub", "(", "in"])
}

fn children(tokens: &[Token]) -> Vec<Child> {
    let mut children = Vec::new();
    for position in 0..tokens.len() {
        let [keyword, Token::Word(name), Token::Sign(';'), ..] = &tokens[position..] else { continue };
        if keyword.is_word("mod") {
            children.push(Child { name: name.clone(), file: named_file(&tokens[..position]) });
        }
    }
    children
}

/// The file that a `#[path = "…"]` right before a declaration names.
fn named_file(before: &[Token]) -> Option<String> {
    let before = before.split_last().filter(|(last, _)| last.is_word("pub")).map_or(before, |(_, earlier)| earlier);
    let attribute = &before[before.len().checked_sub(6)?..];
    match attribute {
        [_, _, _, _, Token::Text(file), _] if begins_with(attribute, &["#", "[", "path", "="]) => Some(file.clone()),
        _ => None,
    }
}

fn only_declares(mut tokens: &[Token]) -> bool {
    let mut is_public = false;
    while let Some(first) = tokens.first() {
        let length = match first {
            Token::Sign('#' | '!') => 1,
            Token::Sign('[' | '(') => group_length(tokens), // an attribute, or the scope of a `pub(…)`
            Token::Word(word) if word == "pub" => 1,
            Token::Word(word) if word == "use" && is_public => item_length(tokens),
            Token::Word(word) if word == "mod" && tokens.get(2).is_some_and(|end| end.is_sign(';')) => 3,
            _ => return false,
        };
        is_public = first.is_word("pub") || is_public && first.is_sign('(');
        tokens = &tokens[length..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> Outline {
        outline(&["a".to_owned(), "b".to_owned()], source)
    }

    fn joined(paths: &[Path]) -> Vec<String> {
        paths.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn a_use_tree_is_written_out() {
        let outline = of("use crate::{c::{d::E, f::*}, g::{self, H as I}}; use super::{super::j, k}; use self::l;
            use other::m; pub use n::{O}; mod n; use {crate::p, other::q};");
        let imports: Vec<_> = outline
            .imports
            .iter()
            .map(|Import { name, path }| format!("{} {}", name.as_deref().unwrap_or("*"), path.join("::")))
            .collect();
        let expected = ["E c::d::E", "* c::f", "g g", "I g::H", "j j", "k a::k", "l a::b::l", "O a::b::n::O", "p p"];
        assert_eq!(imports, expected);
    }

    #[test]
    fn paths_are_found_where_they_are_used() {
        let outline = of("mod own; fn f(x: super::X) -> impl Sized + use<> { crate::y::z(); own::run(); other::run(); x.own::<u8>(); }
            mod inner { fn g() { super::h(); super::super::i(); own::j(); } } pub(in crate::k) fn l() { self::m() }
            pub(crate) fn n() { <crate::o::P>::q(); $crate::r::s!() }");
        let expected = ["a::X", "y::z", "a::b::own::run", "a::b::h", "a::i", "a::b::m", "o::P", "r::s"];
        assert_eq!(joined(&outline.inline), expected);
    }

    #[test]
    fn a_file_that_only_declares_is_told_from_one_that_does_something() {
        for source in [
            "",
            "//! Words.\n#![allow(x)]\nmod a; pub mod b; pub(crate) use self::a::{B, C};",
            "pub use {self::d, e::f}; #[cfg(d)] #[path = \"e.rs\"] mod f;",
        ] {
            assert!(of(source).only_declares, "{source}");
        }
        for source in
            ["mod a; const B: u8 = 1;", "mod a { }", "pub use a::b; pub fn c() {}", "d!();", "pub use a::b; use c::d;"]
        {
            assert!(!of(source).only_declares, "{source}");
        }
    }

    #[test]
    fn a_declaration_may_name_its_file() {
        let child = |name: &str, file: Option<&str>| Child { name: name.to_owned(), file: file.map(str::to_owned) };
        let outline = of("mod a; #[path = \"b_absent.rs\"] pub mod b; #[cfg(c)] mod d; #[cfg(test)] mod tests;");
        assert_eq!(outline.children, [child("a", None), child("b", Some("b_absent.rs")), child("d", None)]);
    }
}

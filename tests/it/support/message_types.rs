//! The types of messages, read from the source code: what a decoder takes does not say them.

use std::collections::BTreeSet;

use super::documents;

/// The types of this enum of tagged messages or objects: its variants, but for the one that stands for unknown types.
pub fn types<T>() -> BTreeSet<String> {
    let name = std::any::type_name::<T>().rsplit("::").next().expect("a name").to_owned();
    let files = ["message", "session_frame", "plan", "outcome"].map(|file| format!("src/wire/{file}.rs"));
    let parsed = files.map(|file| syn::parse_file(&documents::read(&file)).expect("Rust"));
    let mut items = parsed.iter().flat_map(|file| &file.items);
    let variants = items.find_map(|item| match item {
        syn::Item::Enum(item) if item.ident == name => Some(&item.variants),
        _ => None,
    });
    let names = variants.expect("an enum").iter().map(|variant| variant.ident.to_string());
    names.filter(|name| name != "Unknown").map(|name| snake_case(&name)).collect()
}

fn snake_case(name: &str) -> String {
    let words = name.chars().map(|c| if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.to_string() });
    words.collect::<String>().trim_start_matches('_').to_owned()
}

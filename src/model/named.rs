//! Enumerations whose values have words.

/// Gives each value of an enumeration its word, in reports and in configuration files, and lists all values.
macro_rules! named {
    ($type:ident: $($value:ident $word:literal),* $(,)?) => {
        impl $type {
            /// All values, in order.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$value),*];

            /// The word for it, on the command line, in configuration files and in reports.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$value => $word,)* }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.pad(self.word())
            }
        }
    };
}

pub(crate) use named;

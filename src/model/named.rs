//! A macro that gives each variant of an enumeration its name in reports and configuration files.

/// Gives each variant of an enumeration its name, and lists all variants.
macro_rules! named {
    ($type:ident: $($value:ident $word:literal),* $(,)?) => {
        impl $type {
            /// All variants, in order.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$value),*];

            /// Returns the name on the command line, in configuration files and in reports.
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

/// Makes a struct that is a JSON object.
///
/// A member has the name of its field, or the one behind `as`. It has to be there, unless it is an `Option`, which
/// is then `None`, or has a value behind `=` to take its place. An `Option` that is `None` is left out.
///
/// ```
/// nacre_guest::json_struct! {
///     /// A line of an order.
///     #[derive(Debug, Clone, PartialEq)]
///     pub struct Line {
///         pub sku: String,
///         pub kind: String as "type",
///         pub count: u32 = 1,
///         pub note: Option<String>,
///     }
/// }
///
/// let line: Line = nacre_guest::json::from_str(r#"{"sku":"a-1","type":"book"}"#).unwrap();
/// assert_eq!(line.count, 1);
/// assert_eq!(nacre_guest::json::to_string(&line).unwrap(), r#"{"sku":"a-1","type":"book","count":1}"#);
/// ```
#[macro_export]
macro_rules! json_struct {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$fmeta:meta])* $fvis:vis $field:ident : $type:ty $(as $json:literal)? $(= $default:expr)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $( $(#[$fmeta])* $fvis $field: $type, )*
        }

        impl $crate::json::FromJson for $name {
            fn read(r: &mut $crate::json::Reader<'_>) -> ::core::result::Result<Self, $crate::json::Error> {
                $crate::__read_members!(r, $name { $( $field: $type $(as $json)? $(= $default)?, )* })
            }
        }

        impl $crate::json::ToJson for $name {
            fn write(&self, w: &mut $crate::json::Writer) {
                w.begin_object();
                $( w.member($crate::__member!($field $($json)?), &self.$field); )*
                w.end_object();
            }
        }
    };
}

/// Makes an enum whose values are texts in JSON.
///
/// ```
/// nacre_guest::json_enum! {
///     #[derive(Debug, Clone, Copy, PartialEq)]
///     pub enum Status {
///         Open = "open",
///         Closed = "closed",
///     }
/// }
///
/// assert_eq!(nacre_guest::json::from_str::<Status>(r#""open""#), Ok(Status::Open));
/// assert!(nacre_guest::json::from_str::<Status>(r#""ajar""#).is_err());
/// ```
#[macro_export]
macro_rules! json_enum {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $( $(#[$vmeta:meta])* $variant:ident = $json:literal ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis enum $name {
            $( $(#[$vmeta])* $variant, )+
        }

        impl $crate::json::FromJson for $name {
            fn read(r: &mut $crate::json::Reader<'_>) -> ::core::result::Result<Self, $crate::json::Error> {
                let text = r.string()?;
                match &*text {
                    $( $json => ::core::result::Result::Ok($name::$variant), )+
                    _ => ::core::result::Result::Err($crate::json::Error::unlisted(&text, &[$($json),+])),
                }
            }
        }

        impl $crate::json::ToJson for $name {
            fn write(&self, w: &mut $crate::json::Writer) {
                w.string(match self { $( $name::$variant => $json, )+ });
            }
        }
    };
}

/// Makes the commands of an aggregate: an enum with a name, and a payload, for each.
///
/// A payload is the members in braces, as in [`json_struct!`](crate::json_struct), or one type in parentheses that
/// reads JSON. What has neither takes an empty object, or null. Unknown members are refused. Doc comments become
/// the descriptions.
///
/// ```
/// nacre_guest::commands! {
///     pub enum Command {
///         /// Puts money into the account.
///         Deposit { cents: u64 } = "deposit",
///         Close = "close",
///     }
/// }
/// ```
#[macro_export]
macro_rules! commands {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $variant:ident
                $( { $( $(#[$fmeta:meta])* $field:ident : $type:ty $(as $json:literal)? $(= $default:expr)? ),* $(,)? } )?
                $( ( $inner:ty ) )?
                = $command:literal
            ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis enum $name {
            $( $(#[doc = $doc])* $variant $( { $( $(#[$fmeta])* $field: $type, )* } )? $( ($inner) )?, )+
        }

        impl $crate::Commands for $name {
            const TABLE: &'static [$crate::Entry] = &[
                $( $crate::Entry { name: $command, schema_version: 1, description: concat!("" $(, $doc)*) }, )+
            ];

            fn read(
                name: &str,
                r: &mut $crate::json::Reader<'_>,
            ) -> ::core::result::Result<::core::option::Option<Self>, $crate::json::Error> {
                let value: ::core::result::Result<Self, $crate::json::Error> = match name {
                    $( $command => {
                        fn payload(
                            r: &mut $crate::json::Reader<'_>,
                        ) -> ::core::result::Result<$name, $crate::json::Error> {
                            $crate::__read_variant!(
                                r, $name $variant
                                $( { $( $field: $type $(as $json)? $(= $default)?, )* } )?
                                $( ( $inner ) )?
                            )
                        }
                        payload(r)
                    } )+
                    _ => return ::core::result::Result::Ok(::core::option::Option::None),
                };
                value.map(::core::option::Option::Some)
            }
        }
    };
}

/// Makes the events of an aggregate: an enum with a type, and data, for each.
///
/// Data is as in [`commands!`](crate::commands), but unknown members are passed over. The schema version of the
/// data stands behind the type, as in `"account.noted" @ 2`; without one it is 1.
///
/// Behind the enum may stand `upcast`, a function or closure for each older form that is read, be it an older
/// version or a type that is no longer written, and `skip`, types that are passed over. The parameter of a function
/// says how the older data reads.
///
/// ```
/// nacre_guest::events! {
///     #[derive(Debug, Clone, PartialEq)]
///     pub enum Event {
///         /// Money came in.
///         Deposited { cents: u64 } = "account.deposited",
///         Noted { text: String } = "account.noted" @ 2,
///         Closed = "account.closed",
///     }
///     upcast {
///         "account.noted" @ 1 => |text: String| Event::Noted { text },
///         "account.ended" => |(): ()| Event::Closed,
///     }
///     skip { "account.debug.*" }
/// }
/// ```
#[macro_export]
macro_rules! events {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $variant:ident
                $( { $( $(#[$fmeta:meta])* $field:ident : $type:ty $(as $json:literal)? $(= $default:expr)? ),* $(,)? } )?
                $( ( $inner:ty ) )?
                = $event:literal $(@ $version:literal)?
            ),+ $(,)?
        }
        $( upcast { $( $old:literal $(@ $older:literal)? => $upcast:expr ),* $(,)? } )?
        $( skip { $( $skip:literal ),* $(,)? } )?
    ) => {
        $(#[$meta])*
        $vis enum $name {
            $( $(#[doc = $doc])* $variant $( { $( $(#[$fmeta])* $field: $type, )* } )? $( ($inner) )?, )+
        }

        impl $crate::Events for $name {
            const TABLE: &'static [$crate::Entry] = &[
                $( $crate::Entry {
                    name: $event,
                    schema_version: $crate::__version!($($version)? , 1),
                    description: concat!("" $(, $doc)*),
                }, )+
            ];
            const UPCASTS: &'static [(&'static str, u32)] = &[
                $( $( ($old, $crate::__version!($($older)? , 0)), )* )?
            ];
            const SKIP: &'static [&'static str] = &[ $( $( $skip, )* )? ];

            fn entry(&self) -> &'static $crate::Entry {
                match self {
                    $( $name::$variant { .. } => {
                        const ENTRY: &$crate::Entry = &$crate::Entry {
                            name: $event,
                            schema_version: $crate::__version!($($version)? , 1),
                            description: concat!("" $(, $doc)*),
                        };
                        ENTRY
                    } )+
                }
            }

            fn write(&self, w: &mut $crate::json::Writer) {
                match self {
                    $( $name::$variant { $( $( $field, )* )? $( 0: $crate::__bind!(value, $inner) )? } => {
                        if !$crate::__is_given!($( $inner )?) {
                            w.begin_object();
                            $( $( w.member($crate::__member!($field $($json)?), $field); )* )?
                            w.end_object();
                        }
                        $( $crate::json::ToJson::write($crate::__bind!(value, $inner), w); )?
                    } )+
                }
            }

            fn read(
                kind: &str,
                schema_version: u32,
                r: &mut $crate::json::Reader<'_>,
            ) -> ::core::result::Result<::core::option::Option<Self>, $crate::json::Error> {
                $( $(
                    if kind == $old && $crate::__is_older::<Self>(kind, schema_version, $crate::__version!($($older)? , 0)) {
                        return $crate::__upcast(r, $upcast).map(::core::option::Option::Some);
                    }
                )* )?
                let value: ::core::result::Result<Self, $crate::json::Error> = match kind {
                    $( $event => {
                        $crate::__check_version(schema_version, $crate::__version!($($version)? , 1))?;
                        fn data(
                            r: &mut $crate::json::Reader<'_>,
                        ) -> ::core::result::Result<$name, $crate::json::Error> {
                            $crate::__read_variant!(
                                r, $name $variant
                                $( { $( $field: $type $(as $json)? $(= $default)?, )* } )?
                                $( ( $inner ) )?
                            )
                        }
                        data(r)
                    } )+
                    _ => return ::core::result::Result::Ok(::core::option::Option::None),
                };
                value.map(::core::option::Option::Some)
            }
        }
    };
}

/// Makes a type the aggregate of the module. It stands once in a crate, whose `crate-type` is `cdylib`.
#[macro_export]
macro_rules! export_aggregate {
    ($aggregate:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            static INSTANCE: $crate::runtime::Instance<$aggregate> = $crate::runtime::Instance::new();

            #[unsafe(no_mangle)]
            extern "C" fn nacre_abi() -> i32 {
                1
            }

            #[unsafe(no_mangle)]
            extern "C" fn nacre_alloc(size: u32) -> u32 {
                INSTANCE.alloc(size)
            }

            #[unsafe(no_mangle)]
            extern "C" fn nacre_describe() -> u64 {
                INSTANCE.describe()
            }

            #[unsafe(no_mangle)]
            extern "C" fn nacre_decide(at: u32, length: u32) -> u64 {
                INSTANCE.decide(at, length)
            }

            #[unsafe(no_mangle)]
            extern "C" fn nacre_evolve(at: u32, length: u32) -> u64 {
                INSTANCE.evolve(at, length)
            }
        };
    };
}

/// Logs a message, formatted as by `format!`, with fields of any type that has JSON behind a semicolon.
///
/// ```
/// use nacre_guest::log;
///
/// let cents = 70;
/// log!(Info, "deposited {cents}"; cents = cents, account = "ann");
/// ```
///
/// The levels are those of [`Level`](crate::Level). The host adds module, instance and command.
#[macro_export]
macro_rules! log {
    ($level:ident, $message:literal $(, $arg:expr)* $(; $($key:ident = $value:expr),* $(,)? )?) => {
        $crate::Level::$level.log(
            &$crate::__format!($message $(, $arg)*),
            &[ $( $( (stringify!($key), &$value), )* )? ],
        )
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __read_members {
    ($r:ident, $($name:ident)::+ { $( $field:ident : $type:ty $(as $json:literal)? $(= $default:expr)?, )* }) => {{
        $( let mut $field: ::core::option::Option<$type> = ::core::option::Option::None; )*
        let mut members = $r.object()?;
        while let ::core::option::Option::Some(member) = members.next($r)? {
            $(
                if member == $crate::__member!($field $($json)?) {
                    $crate::__fill(&mut $field, &member, $r)?;
                    continue;
                }
            )*
            $r.unknown(&member)?;
        }
        ::core::result::Result::Ok($($name)::+ {
            $( $field: $crate::__given!($field, $crate::__member!($field $($json)?) $(, $default)?), )*
        })
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __read_variant {
    ($r:ident, $name:ident $variant:ident { $($members:tt)* }) => {
        $crate::__read_members!($r, $name::$variant { $($members)* })
    };
    ($r:ident, $name:ident $variant:ident ( $inner:ty )) => {
        <$inner as $crate::json::FromJson>::read($r).map($name::$variant)
    };
    ($r:ident, $name:ident $variant:ident) => {
        $r.nothing().map(|()| $name::$variant)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __given {
    ($field:ident, $name:expr) => {
        match $field.or_else($crate::json::FromJson::absent) {
            ::core::option::Option::Some(value) => value,
            ::core::option::Option::None => {
                return ::core::result::Result::Err($crate::json::Error::missing($name));
            }
        }
    };
    ($field:ident, $name:expr, $default:expr) => {
        match $field {
            ::core::option::Option::Some(value) => value,
            ::core::option::Option::None => $default,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __member {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $json:literal) => {
        $json
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __version {
    ($version:literal, $absent:literal) => {
        $version
    };
    (, $absent:literal) => {
        $absent
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __bind {
    ($value:ident, $inner:ty) => {
        $value
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __is_given {
    () => {
        false
    };
    ($inner:ty) => {
        true
    };
}

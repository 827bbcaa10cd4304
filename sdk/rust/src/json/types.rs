use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Error, FromJson, Reader, ToJson, Writer};

/// A JSON value as it is written. Where it is read, it was checked; whoever makes one answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw(pub String);

impl Default for Raw {
    fn default() -> Self {
        Raw("null".to_owned())
    }
}

impl FromJson for Raw {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.raw().map(|text| Raw(text.to_owned()))
    }
}

impl ToJson for Raw {
    fn write(&self, w: &mut Writer) {
        w.raw(&self.0);
    }
}

impl FromJson for bool {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.boolean()
    }
}

impl ToJson for bool {
    fn write(&self, w: &mut Writer) {
        w.raw(if *self { "true" } else { "false" });
    }
}

impl FromJson for String {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.string().map(Cow::into_owned)
    }
}

impl ToJson for String {
    fn write(&self, w: &mut Writer) {
        w.string(self);
    }
}

impl ToJson for str {
    fn write(&self, w: &mut Writer) {
        w.string(self);
    }
}

macro_rules! integers {
    ($($type:ident)*) => {$(
        impl FromJson for $type {
            fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
                let text = r.number()?;
                text.parse().map_err(|_| Error::new(format!(concat!("{} is no integer of ", stringify!($type)), text)))
            }
        }

        impl ToJson for $type {
            fn write(&self, w: &mut Writer) {
                #[allow(unused_comparisons)]
                let negative = *self < 0;
                // The two's complement of a negative number, in 64 bits, is its size.
                let bits = *self as i64 as u64;
                w.unsigned(negative, if negative { bits.wrapping_neg() } else { bits });
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

macro_rules! floats {
    ($($type:ident)*) => {$(
        impl FromJson for $type {
            fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
                let text = r.number()?;
                match text.parse::<$type>() {
                    Ok(number) if number.is_finite() => Ok(number),
                    _ => Err(Error::new(format!(concat!("{} is too large for ", stringify!($type)), text))),
                }
            }
        }
    )*};
}

floats!(f32 f64);

impl ToJson for f64 {
    fn write(&self, w: &mut Writer) {
        w.float(*self);
    }
}

impl ToJson for f32 {
    fn write(&self, w: &mut Writer) {
        // The shortest text of the small type, and not that of the large one which it becomes.
        match format!("{self:e}") {
            text if self.is_finite() => w.raw(&text),
            _ => w.float(f64::NAN),
        }
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        if r.peek() == b'n' {
            return r.null().map(|()| None);
        }
        T::read(r).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write(&self, w: &mut Writer) {
        match self {
            Some(value) => value.write(w),
            None => w.raw("null"),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        let mut out = Vec::new();
        let mut items = r.array()?;
        while items.next(r)? {
            out.push(T::read(r).map_err(|e| e.within(&format!("{}", out.len())))?);
        }
        Ok(out)
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write(&self, w: &mut Writer) {
        self.as_slice().write(w);
    }
}

impl<T: ToJson> ToJson for [T] {
    fn write(&self, w: &mut Writer) {
        w.begin_array();
        for item in self {
            item.write(w);
        }
        w.end_array();
    }
}

impl<T: FromJson> FromJson for BTreeMap<String, T> {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        let mut out = BTreeMap::new();
        let mut members = r.object()?;
        while let Some(name) = members.next(r)? {
            let value = T::read(r).map_err(|e| e.within(&name))?;
            if out.contains_key(&*name) {
                return Err(Error::twice(&name));
            }
            out.insert(name.into_owned(), value);
        }
        Ok(out)
    }
}

impl<T: ToJson> ToJson for BTreeMap<String, T> {
    fn write(&self, w: &mut Writer) {
        w.begin_object();
        for (name, value) in self {
            w.name(name);
            value.write(w);
        }
        w.end_object();
    }
}

impl<T: FromJson> FromJson for Box<T> {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        T::read(r).map(Box::new)
    }

    fn absent() -> Option<Self> {
        T::absent().map(Box::new)
    }
}

impl<T: ToJson + ?Sized> ToJson for Box<T> {
    fn write(&self, w: &mut Writer) {
        (**self).write(w);
    }

    fn is_absent(&self) -> bool {
        (**self).is_absent()
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn write(&self, w: &mut Writer) {
        (**self).write(w);
    }

    fn is_absent(&self) -> bool {
        (**self).is_absent()
    }
}

impl FromJson for () {
    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.nothing()
    }

    fn absent() -> Option<Self> {
        Some(())
    }
}

impl ToJson for () {
    fn write(&self, w: &mut Writer) {
        w.raw("{}");
    }
}

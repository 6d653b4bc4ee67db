//! Named tensors of f32 and u32 as safetensors (<https://github.com/huggingface/safetensors>), in memory as they are in the file.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use thiserror::Error;

/// Bytes that do not hold what they should.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Malformed(pub String);

/// Named tensors of f32 or u32.
#[derive(Clone, Debug, Default)]
pub struct Tensors {
    tensors: Vec<Stored>,
}

#[derive(Clone, Debug)]
struct Stored {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    /// Little-endian.
    bytes: Vec<u8>,
}

impl Tensors {
    /// Adds floats of this shape.
    ///
    /// # Panics
    /// Where the number of values is not that of the shape.
    #[must_use]
    pub fn floats(
        mut self,
        name: &str,
        shape: &[usize],
        values: impl IntoIterator<Item = f32>,
    ) -> Self {
        self.put(name, shape, values);
        self
    }

    /// Adds floats of this shape.
    ///
    /// # Panics
    /// Where the number of values is not that of the shape.
    pub fn put(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        values: impl IntoIterator<Item = f32>,
    ) {
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        let name = name.into();
        let count: usize = shape.iter().product();
        assert_eq!(
            bytes.len(),
            4 * count,
            "tensor \"{name}\" of shape {shape:?}"
        );
        self.tensors.push(Stored {
            name,
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            bytes,
        });
    }

    /// Adds indices.
    ///
    /// # Panics
    /// At an index of 2^32 or more.
    #[must_use]
    pub fn indices(mut self, name: &str, values: &[usize]) -> Self {
        let small = values
            .iter()
            .map(|&value| u32::try_from(value).expect("an index below 2^32"));
        self.tensors.push(Stored {
            name: name.to_owned(),
            dtype: Dtype::U32,
            shape: vec![values.len()],
            bytes: small.flat_map(u32::to_le_bytes).collect(),
        });
        self
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        safetensors::serialize(self.views(), None).expect("tensors that were checked")
    }

    /// Writes the file.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        self.write_about(path, None)
    }

    /// Writes the file for Python: with the entry in its header that `transformers` and PEFT ask for.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_for_python(&self, path: &Path) -> io::Result<()> {
        let about = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        self.write_about(path, Some(about))
    }

    fn write_about(&self, path: &Path, about: Option<HashMap<String, String>>) -> io::Result<()> {
        crate::replace(path, |temporary| {
            safetensors::serialize_to_file(self.views(), about, temporary).map_err(io::Error::other)
        })
    }

    fn views(&self) -> impl Iterator<Item = (&str, TensorView<'_>)> {
        self.tensors.iter().map(|stored| {
            let view = TensorView::new(stored.dtype, stored.shape.clone(), &stored.bytes);
            (stored.name.as_str(), view.expect("four bytes a value"))
        })
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// Bytes that are no safetensors file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| Malformed(error.to_string()))?;
        let stored = |(name, view): (String, TensorView<'_>)| Stored {
            name,
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            bytes: view.data().to_vec(),
        };
        Ok(Self {
            tensors: file.tensors().into_iter().map(stored).collect(),
        })
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|stored| stored.name.as_str())
    }

    /// Shape and values of floats.
    ///
    /// # Errors
    /// When there is no such tensor, or it holds something else, or NaN or an infinity.
    pub fn get_floats(&self, name: &str) -> Result<(&[usize], Vec<f32>), Malformed> {
        let (shape, bytes) = self.get(name, Dtype::F32)?;
        let values = bytes.as_chunks::<4>().0.iter();
        let values: Vec<f32> = values.map(|&value| f32::from_le_bytes(value)).collect();
        match values.iter().find(|value| !value.is_finite()) {
            None => Ok((shape, values)),
            Some(value) => Err(Malformed(format!(
                "tensor \"{name}\" holds {value}, expected finite numbers"
            ))),
        }
    }

    /// Indices.
    ///
    /// # Errors
    /// When there is no such tensor or it holds something else.
    pub fn get_indices(&self, name: &str) -> Result<Vec<usize>, Malformed> {
        let (_, bytes) = self.get(name, Dtype::U32)?;
        let values = bytes.as_chunks::<4>().0.iter();
        Ok(values
            .map(|&value| u32::from_le_bytes(value) as usize)
            .collect())
    }

    fn get(&self, name: &str, expected: Dtype) -> Result<(&[usize], &[u8]), Malformed> {
        let found = self.tensors.iter().find(|stored| stored.name == name);
        let found = found.ok_or_else(|| Malformed(format!("tensor \"{name}\" is missing")))?;
        match found.dtype == expected {
            true => Ok((&found.shape, &found.bytes)),
            false => Err(Malformed(format!(
                "tensor \"{name}\" holds {:?}, expected {expected:?}",
                found.dtype
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_come_back_from_the_file_bit_for_bit() {
        let dir = tempfile::tempdir().unwrap();
        let values = [0.1f32, -0.0, f32::MIN_POSITIVE, 3e38, 1.0, 7.25];
        let tensors = Tensors::default()
            .floats("a", &[2, 3], values)
            .indices("b", &[4, 0, 7]);
        for for_python in [false, true] {
            let file = dir.path().join("file.safetensors");
            match for_python {
                true => tensors.write_for_python(&file).unwrap(),
                false => tensors.write(&file).unwrap(),
            }
            let bytes = std::fs::read(&file).unwrap();
            let header = String::from_utf8_lossy(&bytes);
            assert_eq!(header.contains("\"format\":\"pt\""), for_python);
            let read = Tensors::from_bytes(&bytes).unwrap();
            let (shape, floats) = read.get_floats("a").unwrap();
            assert_eq!((shape, &floats[..]), (&[2, 3][..], &values[..]));
            assert_eq!(floats[1].to_bits(), (-0.0f32).to_bits());
            assert_eq!(read.get_indices("b").unwrap(), [4, 0, 7]);
        }
        assert_eq!(tensors.to_bytes(), {
            let file = dir.path().join("plain.safetensors");
            tensors.write(&file).unwrap();
            std::fs::read(file).unwrap()
        });
    }

    #[test]
    fn a_tensor_with_a_value_that_is_no_number_is_refused_by_name() {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let tensors = Tensors::default().floats("good", &[1], [f32::MAX]).floats(
                "bad",
                &[2],
                [1.0, wrong],
            );
            let read = Tensors::from_bytes(&tensors.to_bytes()).unwrap();
            assert!(read.get_floats("good").is_ok());
            let error = read.get_floats("bad").unwrap_err().to_string();
            let expected = format!("tensor \"bad\" holds {wrong}, expected finite numbers");
            assert_eq!(error, expected);
        }
    }
}

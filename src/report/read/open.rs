//! Opens what is read.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::report::read::error::Error;

/// Opens a file, or standard input for `-`.
pub(crate) fn open(file: &Path) -> Result<Box<dyn Read>, Error> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    match File::open(file) {
        Ok(opened) => Ok(Box::new(opened)),
        Err(error) => Err(Error::Io {
            file: file.to_owned(),
            error,
        }),
    }
}

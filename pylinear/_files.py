"""Results on disk: npz files that are replaced as a whole or not at all, and checked before they are believed."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import stat
import struct
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pylinear import _memory

if TYPE_CHECKING:
    import zipfile
    from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

StrPath = str | os.PathLike[str]

FORMAT = 1
_HEADER = "header"
_LARGEST_HEADER = 2**24
_TEXT = np.dtype(np.uint8)
# Bytes in the name of a file, so that the name of its part is none too long.
_LONGEST_NAME = 240
# Bytes that are written or read at a time.
_PART = 2**24
# What a damaged archive makes zipfile and numpy raise, besides BadZipFile.
_DAMAGE = ValueError, KeyError, TypeError, EOFError, RuntimeError, OverflowError, SyntaxError, struct.error


class FileError(ValueError):
    """Raised for a file that is damaged, or was not written by pylinear, or in another format or for another use."""


class FileWarning(UserWarning):
    """Warns of a file that is damaged and is written anew, or that cannot be written now."""


def write(path: StrPath, kind: str, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays of numbers, and a header of plain values, to `path`.

    They are there when all of them are on the disk; until then, and if anything fails, what was there before is.
    ``numpy.load`` opens the file: its member "header" holds JSON in UTF-8.
    """
    import json
    import zipfile
    from importlib.metadata import version

    target = _target(path)
    members = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    about = {
        "format": FORMAT,
        "kind": kind,
        "version": version("pylinear-dynamics"),
        **header,
        "members": {name: _description(array) for name, array in members.items()},
    }
    text = np.frombuffer(json.dumps(about, allow_nan=False).encode(), np.uint8)
    if text.size > _LARGEST_HEADER:
        raise ValueError(f"the configuration must take at most {_LARGEST_HEADER} bytes as text; got {text.size}")
    with replacing(target) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in {_HEADER: text, **members}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(_beginning(array.dtype, array.shape))
                for first in range(0, array.nbytes, _PART):
                    member.write(_bytes(array)[first : first + _PART].data)


def write_bytes(path: StrPath, content: bytes) -> None:
    """Put `content` into a file in place of what it held, as a whole or not at all."""
    with replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: StrPath) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` when all has gone well; until then, what was there before stays."""
    target = _target(path)
    part = _part_of(target)
    with located(target):
        with _alone(part) as file:
            _keep_mode(target, file)
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(part, target)
        _sync_folder(target.parent)


@contextlib.contextmanager
def located(path: StrPath) -> Iterator[None]:
    """Say of whatever the system refuses that it is about `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise OSError(f"{os.fspath(path)}: {error}") from error
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def _target(path: StrPath) -> Path:
    from pathlib import Path

    # A link stays, and what it points to is replaced.
    target = Path(os.path.realpath(path))
    _check_regular(target)
    return target


def _check_regular(target: Path) -> None:
    """Raise OSError for a folder, and for a device or a pipe, which to replace or to read would be no kindness."""
    try:
        mode = os.stat(target).st_mode
    except OSError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", str(target))


def read(path: StrPath, kind: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the header and the arrays of a file that `write` has written for the use `kind`.

    Raises
    ------
    FileError
        If it is not such a file, or not to the last bit what was written.
    MemoryError
        If its arrays would not fit the memory.
    OSError
        If it cannot be opened or read.
    """
    with _opened(path) as archive:
        about = _header(archive, kind)
        told = about["members"]
        size = sum(archive.getinfo(f"{name}.npy").file_size for name in told)
        _memory.require(f"reading {os.fspath(path)}", size)
        return about, {name: _checked(archive, name, told[name]) for name in told}


@contextlib.contextmanager
def believed(path: StrPath) -> Iterator[None]:
    """Say of whatever is wrong with what has been read from a file that the file is damaged."""
    try:
        yield
    except FileError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise FileError(f"{os.fspath(path)} is damaged: {error}") from error


def _description(array: NDArray[Any]) -> dict[str, Any]:
    if array.dtype.kind not in "biuf":
        raise TypeError(f"only numbers can be written; got dtype {array.dtype}")
    return {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": _digest(array)}


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)


def _digest(array: NDArray[Any]) -> str:
    import hashlib

    return hashlib.sha256(_bytes(array).data).hexdigest()


@contextlib.contextmanager
def _opened(path: StrPath) -> Iterator[zipfile.ZipFile]:
    """Open an archive; whatever is wrong with it is one error that names it."""
    import zipfile
    from pathlib import Path

    target = Path(path)
    try:
        _check_regular(target)
        with target.open("rb") as file, zipfile.ZipFile(file) as archive:
            _check_sizes(archive, os.fstat(file.fileno()).st_size)
            yield archive
    except FileError as error:
        raise FileError(f"{target} {error}") from None
    except (zipfile.BadZipFile, *_DAMAGE) as error:
        raise FileError(f"{target} is damaged, or no file of pylinear: {str(error) or type(error).__name__}") from None
    except OSError as error:
        if error.errno == errno.EINVAL and error.filename is None:  # a place before the start of the file
            raise FileError(f"{target} is damaged: {error.strerror}") from None
        with located(target):
            raise


def _check_sizes(archive: zipfile.ZipFile, size: int) -> None:
    """Raise unless the members are as long as they say and fit into a file of this size."""
    import zipfile

    members = archive.infolist()
    plain = all(m.compress_type == zipfile.ZIP_STORED and m.compress_size == m.file_size for m in members)
    if not plain or sum(m.file_size for m in members) > size or len({m.filename for m in members}) != len(members):
        raise FileError("is damaged: its members are not as long as it says")


def _header(archive: zipfile.ZipFile, kind: str) -> dict[str, Any]:
    import json

    # Whatever its length, what stands before it has the same.
    size = archive.getinfo(f"{_HEADER}.npy").file_size - len(_beginning(_TEXT, (0,)))
    if not 0 <= size <= _LARGEST_HEADER:
        raise FileError(f"is damaged: member {_HEADER!r} is not as long as it says")
    about = json.loads(_array(archive, _HEADER, _TEXT, (size,)).tobytes())
    found = about["format"]
    if found != FORMAT:
        raise FileError(
            f"is written in format {found}; this pylinear reads format {FORMAT}: read it with the pylinear"
            f" that wrote it, version {about['version']}"
        )
    if about["kind"] != kind:
        raise FileError(f"must be a pylinear {kind}; it is a {about['kind']}")
    if set(archive.namelist()) != {f"{name}.npy" for name in (_HEADER, *about["members"])}:
        raise FileError("is damaged: its members are not those that it names")
    return dict(about)


def _checked(archive: zipfile.ZipFile, name: str, told: Mapping[str, Any]) -> NDArray[Any]:
    """Return a member that is as it is `told`."""
    array = _array(archive, name, np.dtype(told["dtype"]), tuple(told["shape"]))
    if told != _description(array):
        raise FileError(f"is damaged: member {name!r} is not what was written")
    return array


def _array(archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a member, having seen that it is as long as it says before any memory is taken for it."""
    info = archive.getinfo(f"{name}.npy")
    begin = _beginning(dtype, shape)
    with archive.open(info) as member:
        # Compared, and not read: what is damaged may mean anything.
        if dtype.kind not in "biuf" or info.file_size != len(begin) + math.prod(shape) * dtype.itemsize:
            raise FileError(f"is damaged: member {name!r} is not as long as it says")
        if member.read(len(begin)) != begin:
            raise FileError(f"is damaged: member {name!r} does not begin as it says")
        out = np.empty(shape, dtype)
        _fill(member, _bytes(out), name)
    return out


def _beginning(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return what stands before the numbers in version 1.0 of numpy's format, in a length that is divisible by 64."""
    about = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    size = len(about) + 1 + -(len(about) + 11) % 64
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", size) + f"{about:<{size - 1}}\n".encode("latin1")


def _fill(member: IO[bytes], out: NDArray[np.uint8], name: str) -> None:
    done = 0
    while done < out.size:
        # In parts, since each is held twice.
        part = member.read(min(out.size - done, _PART))
        if not part:
            raise FileError(f"is damaged: member {name!r} ends too early")
        out[done : done + len(part)] = np.frombuffer(part, np.uint8)
        done += len(part)


def _part_of(target: Path) -> Path:
    """Return where a file is written before it takes its place."""
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        import hashlib

        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return target.with_name(f".{name}.part")


def _keep_mode(target: Path, file: IO[bytes]) -> None:
    """Give the permissions of what was there before to the file that takes its place."""
    with contextlib.suppress(FileNotFoundError):
        os.chmod(file.fileno(), stat.S_IMODE(os.stat(target).st_mode))


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[IO[bytes]]:
    """Open `part` empty, for one writer at a time; what a killed one has left there is written over."""
    while True:
        with open(part, "r+b", opener=_create) as file:
            _lock(file.fileno())
            try:
                # Whoever held the lock may have moved the file to its place meanwhile.
                if not _is(part, file.fileno()):
                    continue
                file.truncate(0)
                yield file
            except BaseException:
                with contextlib.suppress(OSError):
                    if _is(part, file.fileno()):
                        part.unlink()
                raise
            finally:
                # At once, also where a forked child holds the file open.
                _lock(file.fileno(), release=True)
            return


def _create(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o666)


@contextlib.contextmanager
def making_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target` for folders that are on their way there; it is removed with what is left.

    It is one writer's at a time; what a killed one has left there is removed first.
    """
    part = _part_of(target)
    aside = part.with_name(f"{part.name}s")
    number = _own_folder(aside)
    try:
        for left in aside.iterdir():
            shutil.rmtree(left)
        yield aside
        shutil.rmtree(aside)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    finally:
        if number is not None:
            _lock(number, release=True)
            os.close(number)


def _own_folder(folder: Path) -> int | None:
    """Make `folder` if it is not there, and return what it is open as, once no other writer has it."""
    while True:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        if os.name != "posix":
            return None
        # Whoever had it may have removed it meanwhile.
        with contextlib.suppress(FileNotFoundError):
            number = os.open(folder, os.O_RDONLY)
            try:
                _lock(number)
                if _is(folder, number):
                    return number
            except BaseException:
                os.close(number)
                raise
            os.close(number)


def _is(part: Path, number: int) -> bool:
    try:
        return os.path.samestat(os.stat(part), os.fstat(number))
    except FileNotFoundError:
        return False


def _lock(number: int, *, release: bool = False) -> None:
    if fcntl is not None:
        # Some network file systems have no locks: two writers at the same time must be kept apart by the user there.
        with contextlib.suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_UN if release else fcntl.LOCK_EX)


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk, where folders can be."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(number)

"""Compiles the device code with NVRTC, the run-time compiler of CUDA, driven as a plain library.

    compile.py FOLDER OUTPUT [--report]

FOLDER holds kernels/ and include/. Into OUTPUT go one file of machine code for each architecture, PTX for all
later ones, and SOURCE-HASH: the SHA-256 of a list of the sources' own, by which a test tells whether they have
changed since.
"""

import ctypes
import glob
import hashlib
import os
import re
import sys

BINARIES = ["sm_80", "sm_86", "sm_90"]
PTX = "compute_80"
LARGEST = 2_000_000


def library():
    pattern = os.path.join(sys.prefix, "lib/python*/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.*")
    paths = glob.glob(pattern)
    if len(paths) != 1:
        sys.exit(f"compile.py: one libnvrtc is wanted, {len(paths)} are there: {pattern}")
    return ctypes.CDLL(paths[0])


def compile(nvrtc, folder, architecture):
    """Machine code for sm_.., PTX for compute_..; and what the compiler said."""

    def call(name, *arguments):
        status = getattr(nvrtc, name)(*arguments)
        if status != 0 and name != "nvrtcCompileProgram":
            nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
            sys.exit(f"compile.py: {name}: {nvrtc.nvrtcGetErrorString(status).decode()}")
        return status

    def text(size, get):
        length = ctypes.c_size_t()
        call(size, program, ctypes.byref(length))
        buffer = ctypes.create_string_buffer(length.value)
        call(get, program, buffer)
        return buffer.raw

    kernels = os.path.join(folder, "kernels")
    with open(os.path.join(kernels, "kernels.cu"), "rb") as file:
        source = file.read()
    program = ctypes.c_void_p()
    call("nvrtcCreateProgram", ctypes.byref(program), source, b"kernels.cu", 0, None, None)
    options = [f"--gpu-architecture={architecture}", "--std=c++17", "--include-path=.", "--ptxas-options=-v"]
    # The compiler writes include paths down, so that they must not say where the repository lies.
    os.chdir(kernels)
    array = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    status = call("nvrtcCompileProgram", program, len(options), array)
    log = text("nvrtcGetProgramLogSize", "nvrtcGetProgramLog").rstrip(b"\0").decode()
    if status != 0:
        sys.exit(f"compile.py: {architecture}:\n{log}")
    if architecture.startswith("sm_"):
        return text("nvrtcGetCUBINSize", "nvrtcGetCUBIN"), log
    return text("nvrtcGetPTXSize", "nvrtcGetPTX").rstrip(b"\0"), log


def source_hash(folder):
    """As `sha256sum` of the sources, in the order of their names, and `sha256sum` of that list."""
    lines = ""
    for path in ["include/foley_cuda_kernels.h"] + sorted(glob.glob("kernels/*", root_dir=folder)):
        with open(os.path.join(folder, path), "rb") as file:
            lines += f"{hashlib.sha256(file.read()).hexdigest()}  {path}\n"
    return hashlib.sha256(lines.encode()).hexdigest() + "\n"


def report(log):
    name = None
    for line in log.splitlines():
        if found := re.search(r"Compiling entry function '(\w+)' for '(\w+)'", line):
            name = found
        elif found := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores", line):
            stack, spilled = found.groups()
        elif (found := re.search(r"Used (\d+) registers", line)) and name:
            print(f"{name[2]}  {name[1]:40} {found[1]:>4} registers {stack:>5} stack {spilled:>5} spilled")


def main():
    folder, output = (os.path.abspath(path) for path in sys.argv[1:3])
    nvrtc = library()
    os.makedirs(output, exist_ok=True)
    for architecture in BINARIES + [PTX]:
        code, log = compile(nvrtc, folder, architecture)
        if len(code) > LARGEST:
            sys.exit(f"compile.py: {architecture}: {len(code)} bytes are too many")
        suffix = "cubin" if architecture in BINARIES else "ptx"
        with open(os.path.join(output, f"{architecture}.{suffix}"), "wb") as file:
            file.write(code)
        if "--report" in sys.argv:
            report(log)
    with open(os.path.join(output, "SOURCE-HASH"), "w") as file:
        file.write(source_hash(folder))


main()

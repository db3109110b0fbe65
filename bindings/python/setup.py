"""A wheel for each platform, and for every Python from 3.10 on. `cargo xtask dist` puts what is native in its place."""

from os import environ

from setuptools import Distribution, setup


class Native(Distribution):
    """Holds a library and a command, although nothing is compiled here."""

    def has_ext_modules(self) -> bool:
        return True


wheel = {"py_limited_api": "cp310", "plat_name": environ.get("MIRRORBOX_PLATFORM")}
setup(distclass=Native, options={"bdist_wheel": {name: value for name, value in wheel.items() if value}})

"""The developer's commands behind `make`; standard library only, since they make the environment they run in."""

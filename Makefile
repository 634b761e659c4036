# Every line calls Python: `make help` lists the tasks, ARGS passes options on (make test ARGS="-k drift").
PYTHON ?= python3
TASKS := demo test check cluster deploy cluster-down mutants format crd lock
.PHONY: help $(TASKS)

help:
	@PYTHONPATH=tests $(PYTHON) -m tasks --help

$(TASKS):
	@PYTHONPATH=tests $(PYTHON) -m tasks $@ $(ARGS)

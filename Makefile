# Every line calls Python: `make help` lists the tasks, ARGS passes options on (make test ARGS="-k drift"), NAME says
# which one (make prove NAME=corrupted_downloads).
PYTHON ?= python3
ifneq ($(origin NAME),command line)
NAME :=  # some systems set it to the machine's name
endif
TASKS := demo test check cluster deploy cluster-down mutants prove bench format crd lock
.PHONY: help $(TASKS)

help:
	@PYTHONPATH=tests $(PYTHON) -m tasks --help

$(TASKS):
	@PYTHONPATH=tests $(PYTHON) -m tasks $@ $(NAME) $(ARGS)

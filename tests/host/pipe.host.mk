# SPDX-License-Identifier: BSD-2-Clause
# fs/pipe.c with a stand-in for the task layer.
$(eval $(call host_test,test_pipe,tests/host/test_pipe.c kernel/fs/pipe.c $(HOST_MM)))
$(addprefix $(HB)/o/,tests/host/test_pipe.o kernel/fs/pipe.o): HOST_INC += -Itests/host/pipe -Ikernel/fs/include -Ikernel/fs

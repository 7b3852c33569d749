# SPDX-License-Identifier: BSD-2-Clause
# BPF maps against models. Ring buffers need pages that are mapped twice: guest tests.
BPF_MAPS := $(addprefix kernel/bpf/map/,map.c array.c hash.c queue.c lpm.c)
$(HB)/o/kernel/bpf/map/%.o $(HB)/o/tests/host/test_maps.o: HOST_INC += -Ikernel/bpf/isa/include -Ikernel/bpf/verify/include \
	-Ikernel/bpf/map/include -Ikernel/bpf/map
$(eval $(call host_test,test_maps,tests/host/test_maps.c $(BPF_MAPS) $(HOST_MM)))

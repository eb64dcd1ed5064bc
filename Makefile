# Vergence: `make demo` sets up, builds, trains and reports; `make check` sets up, builds and runs the tests.
# Variables: BUILD=folder for objects (build), CC, CXX, ARCH=-march value (native), SANITIZE=address,undefined | thread,
# DESTDIR and PREFIX for install.

CC      ?= gcc
CXX     ?= g++
BUILD   ?= build
ARCH    ?= native
PREFIX  ?= /usr/local
SANITIZE ?=
OPT     ?= -O3

# Lowest first; a folder may include from itself and from those before it.
MODULES := common calibration proto perception sim_bridge agents daemon cli
# pkg-config names, and the Debian packages that hold them
PKGS     := libzmq libprotobuf-c openblas lapacke libcyaml yaml-0.1 expat jansson libsodium libpng libavformat libavcodec libzstd \
            libavdevice libswscale libavutil libwebsockets
CV_PKGS  := opencv4
DEB_PKGS := gcc g++ make pkg-config libzmq3-dev libprotobuf-c-dev protobuf-c-compiler libopenblas-dev liblapacke-dev \
            libopencv-dev libcyaml-dev libyaml-dev libexpat1-dev libjansson-dev libsodium-dev libpng-dev libzstd-dev libcmocka-dev \
            libavformat-dev libavcodec-dev libavdevice-dev libswscale-dev libavutil-dev libwebsockets-dev

PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CV_CFLAGS  := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(CV_PKGS) 2>/dev/null))
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
CV_LIBS    := -lopencv_core -lopencv_calib3d -lopencv_aruco -lopencv_imgproc -lopencv_imgcodecs -lopencv_dnn

WARN     := -Wall -Wextra -Wshadow -Wconversion -Wdouble-promotion
# -ffp-contract=off: the same bits from clang, which else fuses products and sums, as from gcc -std=c17, which does not
FLAGS    := $(OPT) -g -march=$(ARCH) -fno-math-errno -fno-trapping-math -ffp-contract=off -pthread $(WARN) -I. -I$(BUILD)/gen $(PKG_CFLAGS)
ifneq ($(SANITIZE),)
FLAGS    += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -DVG_SANITIZED=1
LDFLAGS  += -fsanitize=$(SANITIZE)
endif
CFLAGS_ALL   := -std=c17 -D_GNU_SOURCE $(FLAGS) -Wstrict-prototypes $(CFLAGS)
CXXFLAGS_ALL := -std=c++17 $(FLAGS) $(CV_CFLAGS) $(CXXFLAGS)
LIBS     := $(PKG_LIBS) $(CV_LIBS) -lstdc++ -lm -pthread

ifneq ($(V),1)
Q := @
say = @printf '  %-5s %s\n' $(1) $(2)
endif

.PHONY: all web deps detector detector-people demo check bench asan tsan coverage fuzz format format-check tidy install clean help
all: $(BUILD)/bin/vergence $(BUILD)/bin/vergenced

# --- one static library a folder -------------------------------------------------------------------------------------
PROTO_GEN := $(BUILD)/gen/proto/vergence.pb-c

define module_rules
$(1)_SRC := $$(shell find $(1) -name '*.c' -o -name '*.cpp' | grep -v '/main\.c$$$$' | LC_ALL=C sort)
$(1)_OBJ := $$(patsubst %,$(BUILD)/obj/%.o,$$($(1)_SRC)) $(if $(filter proto,$(1)),$(BUILD)/obj/proto/vergence.pb-c.c.o)
$(BUILD)/lib/lib$(1).a: $$($(1)_OBJ)
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call module_rules,$(m))))

# libraries that folder $(1) may use, in link order (highest first)
reverse = $(if $(1),$(call reverse,$(wordlist 2,99,$(1))) $(firstword $(1)))
upto    = $(if $(filter $(1),$(firstword $(2))),$(1),$(firstword $(2)) $(call upto,$(1),$(wordlist 2,99,$(2))))
libs_of = $(patsubst %,$(BUILD)/lib/lib%.a,$(call reverse,$(call upto,$(1),$(MODULES))))
ALL_LIBS := $(call libs_of,cli)
DAEMON_LIBS := $(call libs_of,daemon)

$(BUILD)/obj/%.c.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(BUILD)/obj/%.cpp.o: %.cpp
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) $(CXXFLAGS_ALL) -MMD -MP -c $< -o $@

# generated protobuf-c code is compiled without our warnings
$(PROTO_GEN).h $(PROTO_GEN).c &: proto/vergence.proto
	@mkdir -p $(BUILD)/gen/proto
	$(Q)protoc-c --proto_path=proto --c_out=$(BUILD)/gen/proto $<
$(BUILD)/obj/proto/vergence.pb-c.c.o: $(PROTO_GEN).c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_ALL) -w -c $< -o $@
# recordings carry the descriptor of their messages
PROTO_DESC := $(BUILD)/gen/proto/descriptor.h
$(PROTO_DESC): proto/vergence.proto
	@mkdir -p $(@D)
	$(Q)protoc-c --proto_path=proto --descriptor_set_out=$(@D)/vergence.desc $<
	$(Q)(echo '/* Made from vergence.proto: its FileDescriptorSet. */'; \
	  echo 'static const unsigned char vg_proto_descriptor[] = {'; \
	  od -An -v -tx1 $(@D)/vergence.desc | sed 's/ \(..\)/0x\1,/g'; echo '};') >$@
$(patsubst %,$(BUILD)/obj/%.o,$(proto_SRC)): | $(PROTO_GEN).h $(PROTO_DESC)
# the viewer's files, which `make web` builds from web/src, are part of the program
VIEWER := $(BUILD)/gen/daemon/viewer_files.h
VIEWER_FILES := web/dist/index.html web/dist/viewer.css web/dist/viewer.js
$(VIEWER): $(VIEWER_FILES)
	@mkdir -p $(@D)
	$(Q)(echo '/* Made from web/dist. */'; for f in $^; do \
	  echo "static const unsigned char viewer_$$(basename $$f | tr . _)[] = {"; od -An -v -tx1 $$f | sed 's/ \(..\)/0x\1,/g'; echo '};'; \
	  done) >$@
$(BUILD)/obj/daemon/web.c.o: | $(VIEWER)

bench_OBJ := $(patsubst %,$(BUILD)/obj/%.o,$(shell find bench -name '*.c' | LC_ALL=C sort))
$(BUILD)/bin/vergence: $(BUILD)/obj/cli/main.c.o $(bench_OBJ) $(ALL_LIBS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/bin/vergenced: $(BUILD)/obj/daemon/main.c.o $(DAEMON_LIBS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# The page of the viewer, built anew with Node; what comes out is part of the repository, so that a build needs none.
web:
	$(Q)cd web && npm ci --no-audit --no-fund && npm run build

# --- tests: tests/<folder>/test_*.c link that folder's library and those below; tests/integration link everything -----
TEST_SRC := $(shell find tests -name 'test_*.c' | LC_ALL=C sort)
TEST_BIN := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))
define test_rule
$(BUILD)/tests/$(1)/test_%: $(BUILD)/obj/tests/$(1)/test_%.c.o $(BUILD)/obj/tests/support/support.c.o $(2)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LIBS) -lcmocka
endef
$(foreach m,$(MODULES),$(eval $(call test_rule,$(m),$(call libs_of,$(m)))))
$(eval $(call test_rule,integration,$(ALL_LIBS)))
.SECONDARY:

tests: $(TEST_BIN)

check: deps
	$(Q)$(MAKE) --no-print-directory run-tests
run-tests: all tests
	$(Q)BUILD=$(BUILD) tests/run $(TEST_BIN)

asan:
	$(Q)$(MAKE) --no-print-directory BUILD=build-asan SANITIZE=address,undefined OPT=-O2 run-tests
# threads are met in these folders alone; TSAN_TESTS=tests for all
TSAN_TESTS ?= tests/agents tests/daemon tests/integration tests/sim_bridge
tsan:
	$(Q)TSAN_OPTIONS="suppressions=$(CURDIR)/tests/tsan.supp die_after_fork=0" $(MAKE) --no-print-directory BUILD=build-tsan SANITIZE=thread OPT=-O2 \
	  TEST_SRC="$$(find $(TSAN_TESTS) -name 'test_*.c' | LC_ALL=C sort | tr '\n' ' ')" run-tests

# Lines and branches that the suite covers: a table per folder, build-coverage/coverage.info for viewers.
coverage:
	$(Q)$(MAKE) --no-print-directory BUILD=build-coverage OPT=-O1 CFLAGS="--coverage -fprofile-update=atomic" LDFLAGS=--coverage run-tests
	$(Q)tests/coverage build-coverage $(MODULES)

# --- fuzzers: tests/fuzz/fuzz_*.c, libFuzzer with clang; FUZZ_SECONDS each -----------------------------------------------
FUZZ_SECONDS ?= 20
fuzz:
	$(Q)$(MAKE) --no-print-directory BUILD=build-fuzz CC=clang CXX=clang++ SANITIZE=address,undefined,fuzzer-no-link OPT=-O1 run-fuzz
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.c.o $(ALL_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)
run-fuzz: $(FUZZ_BIN)
	$(Q)set -e; for f in $(FUZZ_BIN); do n=$$(basename $$f); mkdir -p $(BUILD)/corpus/$$n; \
	  seeds=; [ -d tests/fuzz/seeds/$$n ] && seeds=tests/fuzz/seeds/$$n; \
	  echo "  FUZZ  $$n"; $$f -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=10 -print_final_stats=0 -verbosity=0 \
	  -artifact_prefix=$(BUILD)/corpus/$$n- $(BUILD)/corpus/$$n $$seeds; done; echo "$(words $(FUZZ_BIN)) passed, 0 failed"

# the 2D detector's library and models, from the npm registry; `vergence detect` finds them there
detector:
	$(Q)packaging/detector $(BUILD)/detector
# what it needs to find several people
detector-people: detector
	$(Q)packaging/detector-people $(BUILD)/detector

# --- everything else ----------------------------------------------------------------------------------------------------
deps:
	$(Q)packaging/deps $(DEB_PKGS) -- $(PKGS) $(CV_PKGS) cmocka

demo: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(BUILD)/bin/vergence demo

bench: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(BUILD)/bin/vergence bench

FORMAT_SRC := $(shell find $(MODULES) tests bench -name '*.[ch]' -o -name '*.cpp')
format:
	$(Q)clang-format -i $(FORMAT_SRC)
format-check:
	$(Q)clang-format --dry-run --Werror $(FORMAT_SRC)

# the checks of .clang-tidy
tidy: $(PROTO_GEN).h $(PROTO_DESC) $(VIEWER)
	$(Q)find $(MODULES) -name '*.c' | xargs -P $$(nproc) -I{} clang-tidy --quiet {} -- -std=c17 -D_GNU_SOURCE -I. -I$(BUILD)/gen $(PKG_CFLAGS) -march=$(ARCH)

install: all
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin share/vergence/scenes share/doc/vergence lib/systemd/user share/bash-completion/completions)
	install -m 755 $(BUILD)/bin/vergence $(BUILD)/bin/vergenced $(DESTDIR)$(PREFIX)/bin
	install -m 644 scenes/* $(DESTDIR)$(PREFIX)/share/vergence/scenes
	if [ -d $(BUILD)/detector ]; then install -d $(DESTDIR)$(PREFIX)/share/vergence/detector && \
	  install -m 644 $(BUILD)/detector/* $(DESTDIR)$(PREFIX)/share/vergence/detector; fi
	install -m 644 proto/vergence.proto $(DESTDIR)$(PREFIX)/share/vergence
	install -m 644 README.md LICENSE NOTICE docs/* $(DESTDIR)$(PREFIX)/share/doc/vergence
	sed 's|^ExecStart=|&$(PREFIX)/bin/|' packaging/vergenced@.service >$(DESTDIR)$(PREFIX)/lib/systemd/user/vergenced@.service
	$(BUILD)/bin/vergence completion >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/vergence

clean:
	rm -rf $(BUILD) build-asan build-tsan build-fuzz build-coverage

help:
	@sed -n '1,4s/^# //p' Makefile; echo "Targets: all web deps detector detector-people demo check bench asan tsan coverage fuzz format tidy install clean"

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

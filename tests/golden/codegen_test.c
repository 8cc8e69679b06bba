/* The generator from the inside: what no .proto that protoc accepts can show. */
#include "codegen/comment.h"
#include "codegen/generate.h"
#include "codegen/names.h"
#include "codegen/options.h"
#include "codegen/request.h"
#include "codegen/verify.h"
#include "codegen/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state) {
  *state = calloc(1, sizeof(struct arena));
  return *state ? 0 : 1;
}

static int tear_down(void **state) {
  arena_fini(*state);
  free(*state);
  return 0;
}

/* ---- options ---- */

/* One piece of an extension as protobuf-c keeps it: the length, then the message. */
static ProtobufCMessageUnknownField piece(struct arena *arena, const ProtobufCMessage *message) {
  size_t len = protobuf_c_message_get_packed_size(message);
  assert_in_range(len, 0, 127); /* one byte of length */
  uint8_t *data = arena_alloc(arena, len + 1);
  data[0] = (uint8_t)len;
  protobuf_c_message_pack(message, data + 1);
  return (ProtobufCMessageUnknownField){.tag = OPTIONS_NUMBER,
                                        .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
                                        .len = len + 1,
                                        .data = data};
}

static void options_in_several_pieces_are_merged(void **state) {
  struct arena *arena = *state;
  Sure__StatusCode codes[] = {SURE__STATUS_CODE__UNAVAILABLE, SURE__STATUS_CODE__ABORTED};

  Sure__RetryPolicy first_retry = SURE__RETRY_POLICY__INIT;
  first_retry.has_max_attempts = true;
  first_retry.max_attempts = 3;
  first_retry.n_retryable_status_codes = 1;
  first_retry.retryable_status_codes = &codes[0];
  Sure__MethodOptions first = SURE__METHOD_OPTIONS__INIT;
  first.has_timeout_ms = true;
  first.timeout_ms = 1;
  first.retry = &first_retry;

  Sure__RetryPolicy second_retry = SURE__RETRY_POLICY__INIT;
  second_retry.has_backoff_multiplier = true;
  second_retry.backoff_multiplier = 2;
  second_retry.n_retryable_status_codes = 1;
  second_retry.retryable_status_codes = &codes[1];
  Sure__MethodOptions second = SURE__METHOD_OPTIONS__INIT;
  second.has_timeout_ms = true;
  second.timeout_ms = 2;
  second.has_semantics = true;
  second.semantics = SURE__METHOD_OPTIONS__SEMANTICS__AT_LEAST_ONCE;
  second.retry = &second_retry;

  ProtobufCMessageUnknownField other = piece(arena, &first.base);
  other.tag = OPTIONS_NUMBER + 1;
  ProtobufCMessageUnknownField pieces[] = {piece(arena, &first.base), other,
                                           piece(arena, &second.base)};
  Google__Protobuf__MethodOptions standard = GOOGLE__PROTOBUF__METHOD_OPTIONS__INIT;
  standard.base.n_unknown_fields = 3;
  standard.base.unknown_fields = pieces;

  const Sure__MethodOptions *merged = options_of_method(arena, &standard);
  assert_non_null(merged);
  assert_int_equal(merged->timeout_ms, 2);
  assert_int_equal(merged->semantics, SURE__METHOD_OPTIONS__SEMANTICS__AT_LEAST_ONCE);
  assert_int_equal(merged->retry->max_attempts, 3);
  assert_true(merged->retry->backoff_multiplier == 2);
  assert_int_equal(merged->retry->n_retryable_status_codes, 2);
  assert_int_equal(merged->retry->retryable_status_codes[0], SURE__STATUS_CODE__UNAVAILABLE);
  assert_int_equal(merged->retry->retryable_status_codes[1], SURE__STATUS_CODE__ABORTED);
}

static void options_that_were_not_given_are_unset(void **state) {
  const Sure__MethodOptions *options = options_of_method(*state, NULL);
  assert_non_null(options);
  assert_false(options->has_semantics);
  assert_null(options->retry);
}

static void options_of_a_wrong_kind_are_refused(void **state) {
  uint8_t number[] = {1};
  ProtobufCMessageUnknownField wrong = {.tag = OPTIONS_NUMBER,
                                        .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT,
                                        .len = sizeof(number),
                                        .data = number};
  Google__Protobuf__MethodOptions standard = GOOGLE__PROTOBUF__METHOD_OPTIONS__INIT;
  standard.base.n_unknown_fields = 1;
  standard.base.unknown_fields = &wrong;
  assert_null(options_of_method(*state, &standard));
}

/* ---- a small model to verify ---- */

struct world {
  Google__Protobuf__FileDescriptorProto file_proto;
  Google__Protobuf__DescriptorProto message_proto;
  Google__Protobuf__ServiceDescriptorProto service_proto;
  Google__Protobuf__MethodDescriptorProto method_protos[2];
  Google__Protobuf__MethodDescriptorProto *method_list[2];
  Google__Protobuf__DescriptorProto *message_list[1];
  Google__Protobuf__ServiceDescriptorProto *service_list[1];
  Google__Protobuf__FileDescriptorProto *file_list[1];
  char *targets[1];
  Google__Protobuf__Compiler__CodeGeneratorRequest request;
  struct model model;
};

/* file.proto: message M, service S with the methods One and Two. */
static struct world *new_world(struct arena *arena) {
  static char *const method_names[] = {"One", "Two"};
  struct world *world = arena_alloc(arena, sizeof(*world));
  google__protobuf__descriptor_proto__init(&world->message_proto);
  world->message_proto.name = "M";
  world->message_list[0] = &world->message_proto;
  for (size_t i = 0; i < 2; i++) {
    google__protobuf__method_descriptor_proto__init(&world->method_protos[i]);
    world->method_protos[i].name = method_names[i];
    world->method_protos[i].input_type = ".M";
    world->method_protos[i].output_type = ".M";
    world->method_list[i] = &world->method_protos[i];
  }
  google__protobuf__service_descriptor_proto__init(&world->service_proto);
  world->service_proto.name = "S";
  world->service_proto.n_method = 2;
  world->service_proto.method = world->method_list;
  world->service_list[0] = &world->service_proto;
  google__protobuf__file_descriptor_proto__init(&world->file_proto);
  world->file_proto.name = "file.proto";
  world->file_proto.n_message_type = 1;
  world->file_proto.message_type = world->message_list;
  world->file_proto.n_service = 1;
  world->file_proto.service = world->service_list;
  world->file_list[0] = &world->file_proto;
  world->targets[0] = "file.proto";
  google__protobuf__compiler__code_generator_request__init(&world->request);
  world->request.n_proto_file = 1;
  world->request.proto_file = world->file_list;
  world->request.n_file_to_generate = 1;
  world->request.file_to_generate = world->targets;
  return world;
}

static void methods_with_the_same_id_are_refused(void **state) {
  struct world *world = new_world(*state);
  assert_null(model_build(*state, &world->request, &world->model));
  struct text errors = {.arena = *state};
  assert_true(verify(&world->model, &errors));

  struct method *methods = world->model.files[0].services[0].methods;
  methods[1].id = methods[0].id;
  assert_false(verify(&world->model, &errors));
  assert_non_null(strstr(errors.bytes, "S/Two and S/One have the same method id"));
}

static void numbers_that_no_enum_has_are_refused(void **state) {
  struct world *world = new_world(*state);
  assert_null(model_build(*state, &world->request, &world->model));
  Sure__StatusCode codes[] = {(Sure__StatusCode)17, (Sure__StatusCode)-1};
  Sure__RetryPolicy retry = SURE__RETRY_POLICY__INIT;
  retry.n_retryable_status_codes = 2;
  retry.retryable_status_codes = codes;
  Sure__MethodOptions options = SURE__METHOD_OPTIONS__INIT;
  options.retry = &retry;
  options.has_semantics = true;
  options.semantics = (Sure__MethodOptions__Semantics)9;
  options.partition = (Sure__MethodOptions__Partition)9;
  world->model.files[0].services[0].methods[0].options = &options;

  struct text errors = {.arena = *state};
  assert_false(verify(&world->model, &errors));
  assert_non_null(strstr(errors.bytes, "17 in retryable_status_codes is no status code"));
  assert_non_null(strstr(errors.bytes, "-1 in retryable_status_codes is no status code"));
  assert_non_null(strstr(errors.bytes, "semantics 9 is not known"));
  assert_non_null(strstr(errors.bytes, "partition 9 is not known"));
}

static void options_newer_than_the_generator_are_refused(void **state) {
  struct world *world = new_world(*state);
  assert_null(model_build(*state, &world->request, &world->model));
  ProtobufCMessageUnknownField newer = {.tag = 99};
  Sure__MethodOptions options = SURE__METHOD_OPTIONS__INIT;
  options.base.n_unknown_fields = 1;
  options.base.unknown_fields = &newer;
  world->model.files[0].services[0].methods[0].options = &options;

  struct text errors = {.arena = *state};
  assert_false(verify(&world->model, &errors));
  assert_non_null(strstr(errors.bytes, "option number 99 is not known"));
}

static void names_that_are_no_identifiers_are_refused(void **state) {
  static char *const bad_names[] = {"", "1st", "a b", "x;", "a.b", NULL};
  for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
    struct world *world = new_world(*state);
    world->method_protos[0].name = bad_names[i];
    assert_non_null(model_build(*state, &world->request, &world->model));
  }
}

static void types_that_are_missing_are_refused(void **state) {
  struct world *world = new_world(*state);
  world->method_protos[1].output_type = ".Other";
  assert_non_null(model_build(*state, &world->request, &world->model));
}

/* ---- hostile requests ---- */

/* `depth` messages nested in each other: FileDescriptorProto 15, message_type 4, nested_type 3. */
static struct sure_bytes nested_request(struct arena *arena, size_t depth) {
  size_t len = 0;
  size_t capacity = depth * 8;
  uint8_t *bytes = arena_alloc(arena, capacity);
  for (size_t level = depth; level > 0; level--) {
    uint8_t head[8];
    size_t head_len = 0;
    head[head_len++] = (uint8_t)((level == 1 ? 15 : level == 2 ? 4 : 3) << 3 | WIRE_BYTES);
    size_t rest = len;
    do {
      head[head_len++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
      rest >>= 7;
    } while (rest > 0);
    memcpy(bytes + capacity - len - head_len, head, head_len);
    len += head_len;
  }
  return (struct sure_bytes){bytes + capacity - len, len};
}

static void nesting_is_bounded_before_unpacking(void **state) {
  const ProtobufCMessageDescriptor *descriptor =
      &google__protobuf__compiler__code_generator_request__descriptor;
  assert_true(wire_is_shallow(descriptor, nested_request(*state, WIRE_DEPTH_MAX - 1)));
  assert_false(wire_is_shallow(descriptor, nested_request(*state, WIRE_DEPTH_MAX)));
  struct sure_bytes answer;
  assert_non_null(generate(*state, nested_request(*state, 1000000), &answer));
}

static void each_cut_off_request_is_refused_or_answered(void **state) {
  struct world *world = new_world(*state);
  size_t len = google__protobuf__compiler__code_generator_request__get_packed_size(&world->request);
  uint8_t *bytes = arena_alloc(*state, len);
  google__protobuf__compiler__code_generator_request__pack(&world->request, bytes);
  struct sure_bytes answer = {NULL, 0};
  assert_null(generate(*state, (struct sure_bytes){bytes, len}, &answer));
  assert_true(answer.len > 0);
  size_t refused = 0;
  for (size_t cut = 0; cut < len; cut++)
    refused += generate(*state, (struct sure_bytes){bytes, cut}, &answer) != NULL;
  assert_true(refused > len / 2);
}

static void a_parameter_is_refused(void **state) {
  struct world *world = new_world(*state);
  world->request.parameter = "typo=1";
  uint8_t bytes[512];
  size_t len = google__protobuf__compiler__code_generator_request__pack(&world->request, bytes);
  struct sure_bytes answer;
  assert_null(generate(*state, (struct sure_bytes){bytes, len}, &answer));
  Google__Protobuf__Compiler__CodeGeneratorResponse *response =
      google__protobuf__compiler__code_generator_response__unpack(NULL, answer.len, answer.data);
  assert_non_null(response);
  assert_int_equal(response->n_file, 0);
  assert_non_null(strstr(response->error, "has no parameter 'typo=1'"));
  google__protobuf__compiler__code_generator_response__free_unpacked(response, NULL);
}

static void a_request_over_the_limit_is_refused(void **state) {
  Google__Protobuf__Compiler__CodeGeneratorRequest *request;
  uint8_t byte = 0;
  struct sure_bytes too_long = {&byte, REQUEST_LEN_MAX + 1}; /* refused unread */
  assert_non_null(strstr(request_read(*state, too_long, &request), "larger than 64 MiB"));
}

/* ---- text ---- */

static void foreign_text_can_not_end_a_comment(void **state) {
  static const char *const lines[][2] = {
      {"*/", "* /"},   {"/*/*", "/ * / *"},      {"*\x01/", "* /"},
      {"**/", "** /"}, {"http://x", "http://x"},
  };
  for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
    struct text text = {.arena = *state};
    comment_add_line(&text, lines[i][0], strlen(lines[i][0]));
    assert_string_equal(text.bytes, lines[i][1]);
  }
}

static void names_follow_protobuf_c(void **state) {
  assert_string_equal(names_type(*state, "bank.v1.ChargeRequest"), "Bank__V1__ChargeRequest");
  assert_string_equal(names_prefix(*state, "bank.v1.ChargeRequest"), "bank__v1__charge_request");
  assert_string_equal(names_type(*state, "my_pack.foo_bar2baz"), "MyPack__FooBar2baz");
  assert_string_equal(names_prefix(*state, "HTTPGet2XX"), "httpget2_xx");
  assert_string_equal(names_prefix(*state, "A_B"), "a__b");
  assert_string_equal(names_member(*state, "Delete"), "delete_");
  assert_string_equal(names_member(*state, "Deleted"), "deleted");
  assert_string_equal(names_stem(*state, "a/b.proto"), "a/b");
  assert_string_equal(names_stem(*state, "a.protodevel"), "a");
  assert_string_equal(names_guard(*state, "a/b_c.proto"), "a_2fb_5fc_2eproto");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(options_in_several_pieces_are_merged),
      TEST(options_that_were_not_given_are_unset),
      TEST(options_of_a_wrong_kind_are_refused),
      TEST(methods_with_the_same_id_are_refused),
      TEST(numbers_that_no_enum_has_are_refused),
      TEST(options_newer_than_the_generator_are_refused),
      TEST(names_that_are_no_identifiers_are_refused),
      TEST(types_that_are_missing_are_refused),
      TEST(nesting_is_bounded_before_unpacking),
      TEST(each_cut_off_request_is_refused_or_answered),
      TEST(a_parameter_is_refused),
      TEST(a_request_over_the_limit_is_refused),
      TEST(foreign_text_can_not_end_a_comment),
      TEST(names_follow_protobuf_c),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

# From the lines of scripts/bench to medians and targets.
def median: sort | if length == 0 then null
  elif length % 2 == 1 then .[(length - 1) / 2] else (.[length / 2 - 1] + .[length / 2]) / 2 end;

[split("\n")[] | select(length > 0) | split("\t")
  | {peer: .[0], scenario: "\(.[1]) \(.[2])"} + ([.[3:][] | tonumber] |
      {calls_per_s: .[0], p50_us: .[1], p99_us: .[2], p999_us: .[3], client_cpu_us: .[4],
       server_cpu_us: .[5], client_peak_kib: .[6], server_peak_kib: .[7]})]
| group_by([.scenario, .peer])
| map({peer: .[0].peer, scenario: .[0].scenario, rounds: length,
       spread: ((map(.calls_per_s) | max - min) / (map(.calls_per_s) | median))}
      + (. as $runs | reduce ("calls_per_s", "p50_us", "p99_us", "p999_us", "client_cpu_us",
           "server_cpu_us", "client_peak_kib", "server_peak_kib") as $field
           ({}; .[$field] = ($runs | map(.[$field]) | median)))) as $rows
| def of($peer; $scenario; $field):
    $rows[] | select(.peer == $peer and .scenario == $scenario) | .[$field];
  [$durable | split("\n")[] | select(length > 0) | split(" ")
    | {sure: (.[1] | tonumber), floor: (.[3] | tonumber), batch: (.[5] | tonumber)}] as $charges
| def pairs: split("\n") | map(split(" ") | map(select(length > 0)) | select(length > 0) as $words
    | [range(0; $words | length; 2) | {($words[.]): ($words[. + 1] | tonumber)}] | add);
  ($crowd | pairs) as $crowds | ($growth | pairs) as $growths
# How much longer the median call takes with a record: the median of the pairs, and between which of
# them it lies with 95 % by the sign test.
| ($paired | pairs | map(.unary / .unrecorded) | sort) as $ratios
| ([($ratios | length) as $n | $n / 2 - 0.98 * ($n | sqrt) | floor - 1, 0] | max) as $low
| {median: ($ratios | median), low: $ratios[$low], high: $ratios[($ratios | length) - 1 - $low]}
  as $record_cost
| def best($peer; $scenario): [$rows[]
    | select(.peer == $peer and (.scenario | startswith($scenario))) | .calls_per_s] | max;
  def ratio($scenario; $field; $peer): of("sure"; $scenario; $field) / of($peer; $scenario; $field);
  def cpu($peer): of($peer; "unary 256"; "client_cpu_us") + of($peer; "unary 256"; "server_cpu_us");
  def at_least($name; $value; $target):
    {name: $name, value: $value, target: "at least \($target)", met: ($value >= $target)};
  def at_most($name; $value; $target):
    {name: $name, value: $value, target: "at most \($target)", met: ($value <= $target)};
  {commit: $commit, machine: $machine, command: $command, rows: $rows, sizes: $sizes, charges: $charges, crowds: $crowds,
   growths: $growths, record_cost: $record_cost, targets: [
    at_least("calls/s, 64 outstanding, against gRPC C++"; ratio("unary 64"; "calls_per_s"; "grpc"); 10),
    at_least("calls/s, 64 outstanding, against bare nng_stream"; ratio("unary 64"; "calls_per_s"; "nng"); 0.6),
    at_least("calls/s, 256 outstanding, against gRPC C++"; ratio("unary 256"; "calls_per_s"; "grpc"); 30),
    at_least("calls/s, 256 outstanding, against bare nng_stream"; ratio("unary 256"; "calls_per_s"; "nng"); 0.6),
    at_most("p50, 1 outstanding, against gRPC C++"; ratio("unary 1"; "p50_us"; "grpc"); 0.8),
    at_most("p50, 1 outstanding, against bare nng_stream"; ratio("unary 1"; "p50_us"; "nng"); 1.25),
    at_least("calls/s of threads that block, the best of 16 to 256, against gRPC C++";
      best("sure"; "blocking") / best("grpc"; "blocking"); 8),
    at_most("CPU a call, both sides, 256 outstanding, against gRPC C++"; cpu("sure") / cpu("grpc"); 0.0667),
    at_most("p50, 64 outstanding, exactly once against at least once, "
        + "between \($record_cost.low * 100 | round / 100) and \($record_cost.high * 100 | round / 100)";
      $record_cost.median; 1.04),
    at_least("streamed messages/s of 1 KiB against bare nng_stream"; ratio("stream 1"; "calls_per_s"; "nng"); 0.6),
    at_least("streamed messages/s of 1 KiB against gRPC C++"; ratio("stream 1"; "calls_per_s"; "grpc"); 5),
    at_least("durable charges/s with 256 outstanding, against bare SQLite in the same batches";
      $charges | map(.sure / .floor) | median; 0.75),
    at_least("calls/s of 256 connections among 10 000, against 256 alone";
      $crowds | map(.many / .few) | median; 0.7),
    at_most("time of a call with 1 000 000 sessions at the server, against 1 000";
      $growths | map(.few / .many) | median; 1.3),
    at_most("allocations a call in the runtime, both sides";
      $sizes.allocations_sure + $sizes.allocations_protobuf_c | [. * 1000 | round / 1000, 0] | max; 0),
    at_most("bytes at the server for an idle connection with its session"; $sizes.connection; 16384),
    at_most("bytes in the memory store for a session without records"; $sizes.session; 256),
    at_most("bytes in the memory store for a record, beside its reply"; $sizes.record; 64),
    at_most("bytes of libsure.so, stripped"; $sizes.library; 262144),
    at_most("bytes of memory of an idle hello-server, at its peak"; $sizes.hello_peak; 8388608)
  ]}

# The results as one HTML page that needs nothing else: a bar for each figure, the longest is the
# largest of its scenario.
def round2: . * 100 | round | . / 100;
def thousands: round | tostring
  | [while(length > 0; .[:-3]) | .[-3:]] | reverse | join("\u202f");
def colour: {sure: "#0a7d5a", grpc: "#b5651d", capnp: "#7a4fa3", thrift: "#3b6ea5", nng: "#8a8f98"}[.];
def called: {sure: "Sure", grpc: "gRPC C++", capnp: "Cap'n Proto", thrift: "Thrift c_glib", nng: "bare nng_stream"}[.];

def bar($y; $share; $row; $text):
  "<text x='0' y='\($y + 15)'>\($row.peer | called)</text>"
  + "<rect x='130' y='\($y)' width='\($share * 420 | round2)' height='20' fill='\($row.peer | colour)'/>"
  + "<text x='\(136 + $share * 420 | round2)' y='\($y + 15)'>\($text)</text>";

def chart($title; $rows; value; text):
  ($rows | map(value) | max) as $most
  | "<h3>\($title)</h3><svg viewBox='0 0 760 \($rows | length * 28)' role='img' aria-label='\($title)'>"
  + ([$rows | to_entries[] | .value as $row | bar(.key * 28; ($row | value) / $most; $row; $row | text)]
     | join(""))
  + "</svg>";

def of($scenario): map(select(.scenario == $scenario)) | sort_by({sure: 0, grpc: 1, capnp: 2, thrift: 3, nng: 4}[.peer]);

. as $all
| "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
+ "<meta name='viewport' content='width=device-width, initial-scale=1'><title>Sure beside its peers</title>"
+ "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:820px;margin:2rem auto;padding:0 1rem;color:#1c1f24}"
+ "h1{margin-bottom:0}.of{color:#5b6068;margin-top:.2rem}svg{width:100%;font-size:14px}svg text{fill:#1c1f24}"
+ "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{padding:.25rem .6rem;border-bottom:1px solid #dfe2e6;text-align:right}"
+ "td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}.met{color:#0a7d5a}.not{color:#b02a2a}.met,.not,td:last-child{white-space:nowrap}</style></head><body>"
+ "<h1>Sure beside its peers</h1><p class='of'>\($all.machine | @html). Commit \($all.commit | @html). <code>\($all.command | @html)</code>. Medians of \($all.rows[0].rounds) rounds.</p>"
+ "<h2>Calls a second</h2>"
+ (["1", "64", "256", "1024"] | map(. as $n | chart("\($n) open at a time"; $all.rows | of("unary \($n)"); .calls_per_s; .calls_per_s | thousands)) | join(""))
+ (["1024", "65536", "1048576"] | map(. as $n | chart("16 open at a time, \($n) bytes each way"; $all.rows | of("payload \($n)"); .calls_per_s; .calls_per_s | thousands)) | join(""))
+ chart("64 open at a time, over a Unix socket"; $all.rows | of("ipc 64"); .calls_per_s; .calls_per_s | thousands)
+ chart("a stream of 1 KiB, messages a second"; $all.rows | of("stream 1"); .calls_per_s; .calls_per_s | thousands)
+ "<h2>Latency</h2>"
+ (["20000", "60000"] | map(. as $n | chart("99 % of calls are done within µs, when \($n) a second are due, from then on"; $all.rows | of("open \($n)"); .p99_us; .p99_us | round2 | tostring)) | join(""))
+ (["1", "64", "256", "1024"] | map(. as $n | chart("median in µs, \($n) open at a time"; $all.rows | of("unary \($n)"); .p50_us; .p50_us | round2 | tostring)) | join(""))
+ "<h2>CPU of a call, both sides</h2>"
+ chart("µs, 256 open at a time"; $all.rows | of("unary 256"); .client_cpu_us + .server_cpu_us; .client_cpu_us + .server_cpu_us | round2 | tostring)
+ "<h2>Targets</h2><table><tr><th>what</th><th></th><th>reached</th><th>target</th></tr>"
+ ($all.targets | map("<tr><td>\(.name | @html)</td><td class='\(if .met then "met'>met" else "not'>not met" end)</td><td>\(.value | round2)</td><td>\(.target | @html)</td></tr>") | join(""))
+ "</table><h2>All figures</h2><table><tr><th>scenario</th><th>peer</th><th>calls/s</th><th>spread</th><th>p50 µs</th><th>p99 µs</th><th>p99.9 µs</th><th>peak KiB, client</th><th>server</th></tr>"
+ ($all.rows | map("<tr><td>\(.scenario)</td><td>\(.peer | called)</td><td>\(.calls_per_s | thousands)</td><td>\(.spread * 100 | round) %</td><td>\(.p50_us | round2)</td><td>\(.p99_us | round2)</td><td>\(.p999_us | round2)</td><td>\(.client_peak_kib | thousands)</td><td>\(.server_peak_kib | thousands)</td></tr>") | join(""))
+ "</table></body></html>"

# The results as text.
def pad($n): tostring | . + (" " * ([$n - length, 0] | max));
def left($n): tostring | (" " * ([$n - length, 0] | max)) + .;
def round2: . * 100 | round | . / 100;

"",
(["scenario" | pad(15), ("peer" | pad(5)), ("calls/s" | left(9)), ("spread" | left(7)),
  ("p50 us" | left(9)), ("p99 us" | left(9)), ("CPU us" | left(7))] | join(" ")),
(.rows | sort_by([.scenario, -.calls_per_s])[]
  | [(.scenario | pad(15)), (.peer | pad(5)), (.calls_per_s | round | left(9)),
     ("\(.spread * 100 | round) %" | left(7)), (.p50_us | round2 | left(9)),
     (.p99_us | round2 | left(9)), (.client_cpu_us + .server_cpu_us | round2 | left(7))]
  | join(" ")),
"",
(.targets[] | [(if .met then "met    " else "not met" end), (.value | round2 | left(7)),
               (" (" + .target + ")" | pad(18)), .name] | join(" "))

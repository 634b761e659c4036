-- wrk: post one file with the headers given as Name=value, and print what came of it as one line of JSON.
function init(args)
   local file = assert(io.open(args[1], "rb"))
   wrk.method = "POST"
   wrk.body = file:read("*all")
   file:close()
   for number = 2, #args do
      local name, value = args[number]:match("^([^=]+)=(.*)$")
      wrk.headers[name] = value
   end
   request_bytes = wrk.format()
end

function request()
   return request_bytes
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      "RESULT {\"requests\":%d,\"microseconds\":%d,\"bad_status\":%d,\"broken\":%d,\"p50_ms\":%.4f,\"p99_ms\":%.4f}\n",
      summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end

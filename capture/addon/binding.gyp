{
  # capture.node: `npm run build` makes it and copies it to build/. Includes are written from the repository's root.
  "targets": [
    {
      "target_name": "capture",
      "sources": [
        "module.cc",
        "receiver.cc",
        "stream.cc",
        "streams.cc",
        "future.cc",
        "check.cc",
        "envelope.cc",
        "ring.cc",
        "child.cc",
        "own_process.cc",
        "descriptors.cc",
        "listener.cc",
        "hang_watch.cc",
        "idle_code.cc",
        "launch.cc",
        "older_library.cc",
        "signals.cc",
        "write_now.cc",
      ],
      "include_dirs": ["../..", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_DEPRECATED", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
    },
  ],
}

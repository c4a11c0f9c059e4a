"""The page: what people see and click, over the library."""

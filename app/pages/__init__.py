"""The pages: what people see, built from Gradio components and static shells."""

"""The terms that training minimises, each a mean per image and then over images."""

"""The house on an MQTT broker: what its cameras do, for Home Assistant and others, and what these may ask for."""
